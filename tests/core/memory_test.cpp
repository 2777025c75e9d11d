// The memory under tensors: how much there may be, and what is said when it is too much.
#include <gtest/gtest.h>

#include "caught.h"
#include "moka/tensor.h"

namespace moka {
namespace {

// A limit for one test.
class Limited {
 public:
  explicit Limited(int64_t bytes) { SetMemoryLimit(bytes); }
  ~Limited() { SetMemoryLimit(before_); }

 private:
  const int64_t before_ = MemoryLimit();
};

TEST(AllocateAligned, GivesMemoryEvenForNothing) {
  void* memory = AllocateAligned(0);
  EXPECT_NE(nullptr, memory);
  FreeAligned(memory);
  FreeAligned(nullptr);
}

TEST(AllocateAligned, RefusesANegativeSize) {
  EXPECT_STREQ("no memory for -1 bytes", Caught([] { AllocateAligned(-1); }).what());
}

TEST(MemoryLimit, IsAtFirstNoMoreThanTheMachineHas) {
  EXPECT_GT(MemoryLimit(), int64_t{1} << 20);
  EXPECT_LT(MemoryLimit(), int64_t{1} << 46);
}

TEST(MemoryLimit, CountsWhatIsInUse) {
  const Limited limited(1 << 20);
  const Tensor half(Shape{1 << 17});
  const std::string refusal = Caught([] { Tensor(Shape{(1 << 17) + 1024}); }).message();
  EXPECT_TRUE(refusal.starts_with("no memory for 528384 bytes: 52")) << refusal;
  EXPECT_TRUE(refusal.ends_with(" are in use of the 1048576 that there may be")) << refusal;
}

TEST(MemoryLimit, IsFreedWithTheMemory) {
  const Limited limited(1 << 20);
  for (int i = 0; i < 10; ++i) EXPECT_EQ((Shape{1 << 17}), Tensor(Shape{1 << 17}).shape());
}

TEST(MemoryLimit, IsNotNegative) {
  EXPECT_STREQ("the limit of the memory is -1 bytes", Caught([] { SetMemoryLimit(-1); }).what());
}

}  // namespace
}  // namespace moka
