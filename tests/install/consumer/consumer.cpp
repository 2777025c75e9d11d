// Reads a net from text, runs it on (1, 2) and prints the output: (1 + 2) * 0.5, three times.
#include <cstdio>

#include "moka/net.h"
#include "moka/plugin.h"
#include "moka/schema.h"
#include "moka/version.h"

constexpr const char* kNet = R"(
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 } } }
layer {
  name: "y" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 3 bias_term: false weight_filler { type: "constant" value: 0.5 } }
})";

int main() {
  const moka::Registry registry = moka::LoadRegistry({});
  const moka::NetSchema schema(registry);
  moka::Context context;
  moka::Net net(schema.ParseNet(kNet), registry, context);
  net.input("x").data()[0] = 1;
  net.input("x").data()[1] = 2;
  net.Forward();
  const moka::Tensor& y = net.blob("y");
  std::printf("Moka %s:", MOKA_VERSION);
  for (int64_t i = 0; i < y.count(); ++i) std::printf(" %g", y.data()[i]);
  std::printf("\n");
  return 0;
}
