// Tensors: who owns the memory, and what happens when there is none.
#include "moka/tensor.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "caught.h"

namespace moka {
namespace {

std::vector<float> Values(const Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

uintptr_t Address(const void* memory) { return reinterpret_cast<uintptr_t>(memory); }

TEST(Tensor, BeginsEmptyOrFullOfZeros) {
  EXPECT_EQ((Shape{0}), Tensor().shape());
  EXPECT_EQ(0, Tensor().count());
  EXPECT_EQ((std::vector<float>{0, 0, 0, 0, 0, 0}), Values(Tensor(Shape{2, 3})));
  EXPECT_EQ(1, Tensor(Shape()).count());
}

TEST(Tensor, CopiesTheValuesItIsGiven) {
  std::vector<float> values = {1, 2, 3};
  const Tensor tensor(Shape{3}, values);
  values[0] = 9;
  EXPECT_EQ((std::vector<float>{1, 2, 3}), Values(tensor));
  EXPECT_STREQ("shape 2x2 has 4 elements, but 3 values were given", Caught([&] {
                                                                      Tensor(Shape{2, 2}, values);
                                                                    }).what());
}

TEST(Tensor, StandsInMemoryOfOthers) {
  std::vector<float> memory = {1, 2, 3, 4};
  {
    Tensor tensor(Shape{2}, memory.data() + 1);
    tensor.data()[0] = 7;
    const Tensor moved = std::move(tensor);
    EXPECT_EQ((std::vector<float>{7, 3}), Values(moved));
  }
  EXPECT_EQ((std::vector<float>{1, 7, 3, 4}), memory);
}

TEST(Tensor, LeavesNothingBehindWhenMoved) {
  Tensor from(Shape{2}, std::vector<float>{1, 2});
  const float* memory = from.data();
  Tensor to(Shape{5});
  to = std::move(from);
  EXPECT_EQ(memory, to.data());
  EXPECT_EQ((std::vector<float>{1, 2}), Values(to));
  EXPECT_EQ((Shape{0}), from.shape());  // NOLINT: what is left is defined
  EXPECT_EQ(nullptr, from.data());
  Tensor& self = to;
  to = std::move(self);
  EXPECT_EQ((std::vector<float>{1, 2}), Values(to));
}

TEST(Tensor, ClonesIntoMemoryOfItsOwn) {
  Tensor tensor(Shape{1, 2}, std::vector<float>{1, 2});
  const Tensor clone = tensor.Clone();
  tensor.Fill(5);
  EXPECT_EQ((std::vector<float>{1, 2}), Values(clone));
  EXPECT_EQ((std::vector<float>{5, 5}), Values(tensor));
  EXPECT_EQ((Shape{1, 2}), clone.shape());
  EXPECT_EQ(0, Tensor().Clone().count());
}

TEST(Tensor, ReshapesWithinItsMemory) {
  Tensor tensor(Shape{6}, std::vector<float>{1, 2, 3, 4, 5, 6});
  tensor.Reshape({2, 2});
  EXPECT_EQ((std::vector<float>{1, 2, 3, 4}), Values(tensor));
  tensor.Reshape({3, 2});
  EXPECT_EQ((std::vector<float>{1, 2, 3, 4, 5, 6}), Values(tensor));
  EXPECT_STREQ("shape 7 needs 7 elements, but the tensor has memory for 6",
               Caught([&] { tensor.Reshape({7}); }).what());
}

TEST(Tensor, IsAlignedToCacheLinesOrHugePages) {
  EXPECT_EQ(0u, Address(Tensor(Shape{1}).data()) % 64);
  EXPECT_EQ(0u, Address(Tensor(Shape{1000}).data()) % 64);
  EXPECT_EQ(0u, Address(Tensor(Shape{512, 1024}).data()) % (2 << 20));
}

TEST(Tensor, RefusesMoreMemoryThanThereCanBe) {
  EXPECT_STREQ("no memory for a tensor of shape 1048576x1048576x1024: 1125899906842624 floats",
               Caught([] {
                 Tensor(Shape{1 << 20, 1 << 20, 1 << 10});
               }).what());
}

}  // namespace
}  // namespace moka
