// Reading and writing .caffemodel files: every form that values may have on the wire, and every way
// a file can be wrong.
#include "io/caffemodel.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "io/temporary_folder.h"
#include "moka/error.h"
#include "moka/net.pb.h"

namespace moka {
namespace {

using testing::TemporaryFolder;
using namespace std::string_literals;

// A field whose contents are bytes, by hand. Short ones only.
std::string Bytes(int number, const std::string& contents) {
  std::string out;
  for (unsigned tag = static_cast<unsigned>(number) << 3 | 2;; tag >>= 7) {
    out += static_cast<char>(tag >= 0x80 ? (tag & 0x7f) | 0x80 : tag);
    if (tag < 0x80) break;
  }
  return out + static_cast<char>(contents.size()) + contents;
}

const std::string kOne = "\x00\x00\x80\x3f"s, kTwo = "\x00\x00\x00\x40"s,
                  kThree = "\x00\x00\x40\x40"s;
const std::string kShape2 = "\x3a\x03\x0a\x01\x02"s;  // shape { dim: 2 }, packed

// A model with one layer "a" and one blob.
std::string Model(const std::string& blob) { return Bytes(100, Bytes(1, "a") + Bytes(7, blob)); }

struct Values {
  StoredBlob blob;
  std::vector<float> values;
};

Values ReadFirst(const std::string& file) {
  WireReader reader(file);
  const std::vector<StoredLayer> layers = ScanCaffemodel(reader).layers;
  Values result{layers.at(0).blobs.at(0), {}};
  result.values.resize(static_cast<size_t>(result.blob.shape.count()));
  ReadBlob(reader, result.blob, result.values);
  return result;
}

std::string ScanError(const std::string& contents) {
  TemporaryFolder folder;
  try {
    WireReader reader(folder.Write("m", contents));
    ScanCaffemodel(reader);
  } catch (const Error& error) {
    return error.message().substr(folder.path().size() + 1);
  }
  return "";
}

TEST(Caffemodel, ReadsPackedValues) {
  TemporaryFolder folder;
  const Values read = ReadFirst(folder.Write("m", Model(kShape2 + Bytes(5, kOne + kTwo))));
  EXPECT_EQ(read.blob.shape, (Shape{2}));
  EXPECT_EQ(read.values, (std::vector<float>{1, 2}));
}

TEST(Caffemodel, ReadsValuesOneByOne) {
  TemporaryFolder folder;
  const Values read =
      ReadFirst(folder.Write("m", Model("\x3a\x02\x08\x02" + "\x2d"s + kOne + "\x2d"s + kTwo)));
  EXPECT_EQ(read.blob.shape, (Shape{2}));
  EXPECT_EQ(read.values, (std::vector<float>{1, 2}));
}

TEST(Caffemodel, PrefersDoublesToFloats) {
  TemporaryFolder folder;
  const std::string doubles =
      "\x00\x00\x00\x00\x00\x00\x0c\x40"s + "\x00\x00\x00\x00\x00\x00\xf0\xbf"s;
  const Values read =
      ReadFirst(folder.Write("m", Model(kShape2 + Bytes(5, kOne + kTwo) + Bytes(8, doubles))));
  EXPECT_EQ(read.values, (std::vector<float>{3.5, -1}));
}

TEST(Caffemodel, ReadsFourAxesOfOldBlobs) {
  TemporaryFolder folder;
  const Values read = ReadFirst(folder.Write(
      "m", Model("\x08\x01\x10\x01\x18\x01\x20\x03"s + Bytes(5, kOne + kTwo + kThree))));
  EXPECT_EQ(read.blob.shape, (Shape{1, 1, 1, 3}));
  EXPECT_TRUE(read.blob.Fits(Shape{3}));
  EXPECT_TRUE(read.blob.Fits(Shape{1, 3}));
  EXPECT_FALSE(read.blob.Fits(Shape{3, 1}));
  EXPECT_FALSE(read.blob.Fits(Shape{1, 1, 1, 1, 3}));
  EXPECT_EQ(read.values, (std::vector<float>{1, 2, 3}));
}

TEST(Caffemodel, KeepsLeadingOnesApartInNewBlobs) {
  StoredBlob blob;
  blob.shape = Shape{1, 3};
  EXPECT_TRUE(blob.Fits(Shape{1, 3}));
  EXPECT_FALSE(blob.Fits(Shape{3}));
}

TEST(Caffemodel, SkipsFieldsItDoesNotKnow) {
  TemporaryFolder folder;
  const std::string unknown =
      Bytes(3, "input") + "\xa0\x06\x05"s + "\xa5\x06"s + kOne + "\xa1\x06"s + kOne + kOne;
  const std::string blob = unknown + kShape2 + Bytes(6, kThree + kThree) + Bytes(5, kOne + kTwo);
  const std::string file = unknown + Bytes(100, unknown + Bytes(7, blob) + Bytes(1, "late name"));
  const std::string path = folder.Write("m", file);
  EXPECT_EQ(ReadFirst(path).values, (std::vector<float>{1, 2}));
  WireReader reader(path);
  EXPECT_EQ(ScanCaffemodel(reader).layers[0].name, "late name");
}

TEST(Caffemodel, ReadsWhatProtobufWrites) {
  NetParameter net;
  LayerParameter& layer = *net.add_layer();
  layer.set_name("conv");
  BlobProto& blob = *layer.add_blobs();
  std::vector<float> expected;
  blob.mutable_shape()->add_dim(300);
  blob.mutable_shape()->add_dim(700);  // larger than any buffer
  for (int i = 0; i < 210000; ++i) expected.push_back(static_cast<float>(i) * 0.5f);
  for (float value : expected) blob.add_data(value);
  TemporaryFolder folder;
  const Values read = ReadFirst(folder.Write("m", net.SerializeAsString()));
  EXPECT_EQ(read.blob.shape, (Shape{300, 700}));
  EXPECT_EQ(read.values, expected);
}

TEST(Caffemodel, WritesWhatProtobufReads) {
  TemporaryFolder folder;
  LayerDescription layer;
  layer.common.set_name("ip");
  layer.common.set_type("InnerProduct");
  layer.common.set_phase(TRAIN);
  layer.params.push_back({"inner_product_param", 117, "\x08\x0a"});
  const Tensor w(Shape{2, 1}, std::vector<float>{1, 2}), dw(Shape{2, 1}, std::vector<float>{3, 4});
  const Tensor scalar(Shape{}, std::vector<float>{7});
  WriteCaffemodel(folder / "m", "little",
                  {{&layer, TEST, {{w.shape(), &w, &dw}, {scalar.shape(), &scalar, nullptr}}}});
  EXPECT_EQ(folder.files(), 1u);

  NetParameter net;
  ASSERT_TRUE(net.ParseFromString(folder.Read("m")));
  EXPECT_EQ(net.name(), "little");
  ASSERT_EQ(net.layer_size(), 1);
  EXPECT_EQ(net.layer(0).type(), "InnerProduct");
  EXPECT_TRUE(net.layer(0).has_phase());
  ASSERT_EQ(net.layer(0).blobs_size(), 2);
  const BlobProto& blob = net.layer(0).blobs(0);
  EXPECT_EQ(std::vector<int64_t>(blob.shape().dim().begin(), blob.shape().dim().end()),
            (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(std::vector<float>(blob.data().begin(), blob.data().end()), (std::vector<float>{1, 2}));
  EXPECT_EQ(std::vector<float>(blob.diff().begin(), blob.diff().end()), (std::vector<float>{3, 4}));
  EXPECT_TRUE(net.layer(0).blobs(1).has_shape());
  EXPECT_EQ(net.layer(0).blobs(1).data(0), 7);
  EXPECT_EQ(net.layer(0).blobs(1).diff_size(), 0);
  EXPECT_EQ(net.layer(0).unknown_fields(), "\xaa\x07\x02\x08\x0a");
}

TEST(Caffemodel, TooLongForOtherReadersIsRefusedWithItsLength) {
  LayerDescription layer;
  layer.common.set_name("ip");
  float nothing = 0;
  const Tensor w(Shape{1 << 29}, &nothing);  // never touched
  const std::vector<LayerToWrite> layers = {{&layer, TRAIN, {{w.shape(), &w, nullptr}}}};
  EXPECT_EQ(CaffemodelBytes("net", layers), 2147483702);
  TemporaryFolder folder;
  try {
    WriteCaffemodel(folder / "m", "net", layers);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot write \"" + (folder / "m") +
                                "\": it would have 2147483702 bytes, and a .caffemodel ends at "
                                "2147483647; snapshot_format: HDF5 has no such limit");
  }
  EXPECT_EQ(folder.files(), 0u);
}

TEST(Caffemodel, NamesTheByteWhereAFileEnds) {
  const std::string whole = Model(kShape2 + Bytes(5, kOne + kTwo));
  EXPECT_EQ(ScanError(whole), "");
  EXPECT_EQ(ScanError(whole.substr(0, 20)),
            "m: damaged at byte 0: field 100 has 20 bytes, 17 are left");
  EXPECT_EQ(ScanError(whole.substr(0, 1)), "m: damaged at byte 0: a number is cut short");
}

TEST(Caffemodel, RefusesEveryCutOfAFile) {
  const std::string whole = Model(kShape2 + Bytes(5, kOne + kTwo));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(ScanError(whole.substr(0, length)), "") << length;
}

TEST(Caffemodel, SurvivesAnyChangeOfOneByte) {
  TemporaryFolder folder;
  const std::string whole = Model("\x3a\x02\x08\x02" + "\x2d"s + kOne + Bytes(5, kTwo)) +
                            Model(kShape2 + Bytes(8, kOne + kOne + kTwo + kTwo));
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {1, 2, 4, 0x40, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      try {
        ReadFirst(folder.Write("m", damaged));
      } catch (const Error&) {
        ++refused;
      } catch (const std::out_of_range&) {  // no layer or blob is left
      }
    }
  }
  EXPECT_GT(refused, 50);
}

TEST(Caffemodel, RefusesInnerFieldsThatReachBeyondTheOuter) {
  EXPECT_EQ(ScanError("\xa2\x06\x02\x0a\x05"s + "aaaaa"),
            "m: damaged at byte 3: field 1 has 5 bytes, 0 are left");
}

TEST(Caffemodel, RefusesAnotherNumberOfValuesThanTheShapeHas) {
  EXPECT_EQ(ScanError(Model(kShape2 + Bytes(5, kOne))),
            "m: damaged at byte 8: a blob of shape 2 has 1 values");
  EXPECT_EQ(ScanError(Model(kShape2 + Bytes(5, "abc"))),
            "m: damaged at byte 13: 3 bytes are no whole number of values");
  EXPECT_EQ(ScanError(Model(kShape2)), "m: damaged at byte 8: a blob of shape 2 has 0 values");
}

TEST(Caffemodel, RefusesImpossibleShapes) {
  const std::string negative = "\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  EXPECT_NE(ScanError(Model(negative)).find("m: damaged at byte 8: "), std::string::npos)
      << ScanError(Model(negative));
  EXPECT_NE(
      ScanError(Model(Bytes(7, Bytes(1, std::string(9, '\1'))))).find("m: damaged at byte 8: "),
      std::string::npos);
}

TEST(Caffemodel, RefusesWhatIsNoModel) {
  EXPECT_EQ(ScanError(""), "m: there are no layers in it; is it a .caffemodel?");
  EXPECT_EQ(ScanError("name: \"LeNet\""),
            "m: damaged at byte 0: not a field of a protobuf message");
  EXPECT_EQ(ScanError(Bytes(2, Bytes(4, "conv1"))),
            "m: the old format (V1 `layers`) is not read yet; Caffe's upgrade_net_proto_binary "
            "turns it into the "
            "current one");
  EXPECT_EQ(ScanError(std::string("\x08\x14", 2) + Bytes(2, "a.caffemodel")),
            "m: this is a .solverstate; training goes on from it with --snapshot, and weights are "
            "in the .caffemodel beside it");
}

TEST(Caffemodel, SaysWhyAFileCannotBeOpened) {
  TemporaryFolder folder;
  const auto error_of = [](const std::string& path) -> std::string {
    try {
      WireReader reader(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of(folder / "none"),
            "cannot read \"" + (folder / "none") + "\": No such file or directory");
  EXPECT_EQ(error_of(folder.path()), "cannot read \"" + folder.path() + "\": it is a directory");
}

TEST(Caffemodel, SaysWhyAFileCannotBeWritten) {
  TemporaryFolder folder;
  try {
    WriteCaffemodel(folder / "none/m", "net", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              "cannot write \"" + (folder / "none/m") + "\": No such file or directory");
  }
}

}  // namespace
}  // namespace moka
