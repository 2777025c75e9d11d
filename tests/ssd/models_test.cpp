// Public models whose nets need the layers of SSD, against what OpenCV computes from the same
// pictures: tests/ssd/models, made by make_models.py there. The models do not lie in the
// repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "moka/net.h"
#include "moka/schema.h"
#include "moka/weights.h"
#include "npy.h"
#include "ssd/ssd.h"

namespace moka {
namespace {

const std::string kModels = MOKA_SOURCE_DIR "/../shared/data/models/";
const std::string kHere = MOKA_SOURCE_DIR "/tests/ssd/models/";

// (channels, height, width); colours in the order blue, green, red.
struct Picture {
  int64_t channels = 0, height = 0, width = 0;
  Values values;

  float at(int64_t c, int64_t y, int64_t x) const {
    return values[static_cast<size_t>((c * height + y) * width + x)];
  }
  // f(c, y, x) of the same channels.
  template <typename F>
  static Picture Of(int64_t channels, int64_t height, int64_t width, const F& f) {
    Picture picture{channels, height, width, {}};
    for (int64_t i = 0; i < channels * height * width; ++i)
      picture.values.push_back(f(i / (height * width), i / width % height, i % width));
    return picture;
  }
  Picture Enlarged(int64_t times) const {
    return Of(channels, height * times, width * times,
              [&](int64_t c, int64_t y, int64_t x) { return at(c, y / times, x / times); });
  }
  // From (y, x) on, every step-th pixel.
  Picture Part(int64_t top, int64_t left, int64_t size, int64_t step = 1) const {
    return Of(channels, size, size, [&](int64_t c, int64_t y, int64_t x) {
      return at(c, top + y * step, left + x * step);
    });
  }
};

// A .pgm or .ppm file with bytes.
Picture ReadPicture(const std::string& name) {
  std::ifstream file(kHere + name, std::ios::binary);
  std::string magic;
  int64_t width = 0, height = 0, most = 0;
  file >> magic >> width >> height >> most;
  file.get();
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const int64_t channels = magic == "P6" ? 3 : 1;
  if (static_cast<int64_t>(bytes.size()) != channels * width * height)
    throw std::runtime_error(name + " has another size than it says");
  return Picture::Of(channels, height, width, [&](int64_t c, int64_t y, int64_t x) {
    const int64_t i = (y * width + x) * channels + channels - 1 - c;
    return static_cast<float>(static_cast<unsigned char>(bytes[static_cast<size_t>(i)]));
  });
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The net with plain sums in all convolutions.
std::string Exact(std::string net) {
  const std::string param = "convolution_param {";
  for (size_t at = 0; (at = net.find(param, at)) != std::string::npos;)
    net.insert(at += param.size(), " engine: EXACT");
  return net;
}

// A deploy net with its weights. TEST phase; all blobs of `keep` can be looked at.
class Model {
 public:
  Model(const std::string& stem, std::vector<std::string> keep, bool exact = false)
      : schema_(SsdRegistry()), context_({.threads = 2, .seed = 1}), net_([&] {
          const std::string net = ReadText(kModels + stem + ".prototxt");
          return Net(schema_.ParseNet(exact ? Exact(net) : net, stem), SsdRegistry(), context_,
                     Options(std::move(keep)));
        }()) {
    const LoadReport report = LoadWeights(kModels + stem + ".caffemodel", net_.weights());
    EXPECT_TRUE(report.initial.empty()) << "without weights: " << report.initial[0];
  }

  void Run(const Values& input) {
    Tensor& data = net_.input("data");
    ASSERT_EQ(static_cast<size_t>(data.count()), input.size());
    std::copy(input.begin(), input.end(), data.data());
    net_.Forward();
  }
  Values Blob(const std::string& name) const {
    const auto values = net_.blob(name).values();
    return {values.begin(), values.end()};
  }

 private:
  static NetOptions Options(std::vector<std::string> keep) {
    NetOptions options;
    options.phase = TEST;
    options.backward = false;
    options.keep = std::move(keep);
    return options;
  }

  NetSchema schema_;
  Context context_;
  Net net_;
};

void ExpectClose(const Values& got, const std::string& expected) {
  SCOPED_TRACE(expected);
  const Values want = ReadNpy(kHere + expected + ".npy").values;
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], 1e-4 * std::max(1.0F, std::abs(want[i]))) << "at element " << i;
}

class SsdModels : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kModels)) GTEST_SKIP() << "skipped: needs " << kModels;
  }
};

// Where all of a place's channels are 0, Normalize magnifies what Winograd's algorithm leaves of
// them, and so the boxes of hardly any score move.
TEST_F(SsdModels, FindTheFaceInAPhotoAndAllBoxesBelowItByPlainSums) {
  Model model("libfacedetection/yufacedetectnet-open-v1", {}, true);
  model.Run(ReadPicture("photo.ppm").Enlarged(2).values);
  ExpectClose(model.Blob("detection_out"), "faces");
}

TEST_F(SsdModels, FindTheFaceInAPhotoByDefault) {
  Model model("libfacedetection/yufacedetectnet-open-v1", {});
  model.Run(ReadPicture("photo.ppm").Enlarged(2).values);
  const Values got = model.Blob("detection_out"), want = ReadNpy(kHere + "faces.npy").values;
  for (size_t i = 0; i < 7; ++i) EXPECT_NEAR(got[i], want[i], 1e-3) << "at element " << i;
  EXPECT_LT(got[7 + 2], 0.5) << "a second face";
}

Picture Code() {
  Picture code = ReadPicture("code.pgm").Enlarged(4);
  for (float& value : code.values) value /= 255;
  return code;
}

TEST_F(SsdModels, FindAQrCode) {
  Model model("wechat_qrcode/detect", {});
  model.Run(Code().values);
  ExpectClose(model.Blob("detection_output"), "codes");
}

TEST_F(SsdModels, EnlargeAQrCode) {
  Model model("wechat_qrcode/sr", {});
  model.Run(Code().Part(64, 64, 224).values);
  const Values all = model.Blob("fc");
  Values some;
  for (size_t i = 0; i < all.size(); i += 41) some.push_back(all[i]);
  ExpectClose(some, "super_resolution");
}

// A face's part of the photo, as MTCNN wants it.
Picture Face() {
  Picture face = ReadPicture("photo.ppm").Part(20, 44, 48);
  for (float& value : face.values) value = (value - 127.5F) / 128;
  return face;
}

TEST_F(SsdModels, MtcnnsFirstThreeNetsSeeAFace) {
  const auto check = [](const std::string& stem, int64_t step,
                        const std::vector<std::string>& outputs) {
    Model model("mtcnn/" + stem, outputs);
    model.Run(Face().Part(0, 0, 48 / step, step).values);
    for (const std::string& output : outputs) ExpectClose(model.Blob(output), stem + "_" + output);
  };
  check("det1", 4, {"conv4-2", "prob1"});
  check("det2", 2, {"conv5-2", "prob1"});
  check("det3", 1, {"conv6-2", "conv6-3", "prob1"});
}

TEST_F(SsdModels, MtcnnsLastNetPlacesItsPoints) {
  Values input;
  for (const auto& [y, x] :
       std::vector<std::pair<int, int>>{{0, 0}, {0, 24}, {12, 12}, {24, 0}, {24, 24}}) {
    const Values part = Face().Part(y, x, 24).values;
    input.insert(input.end(), part.begin(), part.end());
  }
  Model model("mtcnn/det4", {});
  model.Run(input);
  for (int k = 1; k <= 5; ++k)
    ExpectClose(model.Blob("fc5_" + std::to_string(k)), "det4_fc5_" + std::to_string(k));
}

}  // namespace
}  // namespace moka
