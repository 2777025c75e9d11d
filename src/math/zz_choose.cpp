#include "math/winograd.h"
namespace moka {
WinogradTile ChooseWinograd(const ConvolutionGeometry& g, ConvolutionPass pass) {
  if (g.channels / g.group < 16 || g.outputs / g.group < 16) return WinogradTile::kNone;
  for (auto t : {WinogradTile::kF4x3, WinogradTile::kF2x5}) if (WinogradSuits(g, pass, t)) return t;
  return WinogradTile::kNone;
}
}
