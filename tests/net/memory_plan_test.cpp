#include "moka/memory_plan.h"

#include <gtest/gtest.h>

#include "moka/random.h"

namespace moka {
namespace {

MemoryBlock Block(int64_t bytes, int first, int last) {
  MemoryBlock block;
  block.bytes = bytes;
  block.first = first;
  block.last = last;
  return block;
}

TEST(PlaceBlocks, GivesBlocksThatNeverMeetTheSamePlace) {
  const MemoryPlan plan = PlaceBlocks({Block(128, 0, 1), Block(128, 2, 3)});
  EXPECT_EQ(plan.blocks[0].offset, 0);
  EXPECT_EQ(plan.blocks[1].offset, 0);
  EXPECT_EQ(plan.bytes, 128);
  EXPECT_EQ(plan.bytes_apart, 256);
}

TEST(PlaceBlocks, KeepsApartWhatSharesOneStep) {
  const MemoryPlan plan = PlaceBlocks({Block(128, 0, 2), Block(64, 2, 3)});
  EXPECT_EQ(plan.blocks[0].offset, 0);
  EXPECT_EQ(plan.blocks[1].offset, 128);
  EXPECT_EQ(plan.bytes, 192);
}

TEST(PlaceBlocks, FillsGapsWithWhatFits) {
  // The middle one of three ends early; a later small one goes into its place.
  const MemoryPlan plan =
      PlaceBlocks({Block(640, 0, 9), Block(320, 0, 3), Block(256, 0, 9), Block(192, 4, 9)});
  EXPECT_EQ(plan.blocks[1].offset, 640);
  EXPECT_EQ(plan.blocks[2].offset, 960);
  EXPECT_EQ(plan.blocks[3].offset, 640);
}

TEST(PlaceBlocks, AlignsToCacheLines) {
  const MemoryPlan plan = PlaceBlocks({Block(100, 0, 1), Block(4, 0, 1)});
  EXPECT_EQ(plan.blocks[1].offset, 128);
  EXPECT_EQ(plan.bytes, 192);
}

TEST(PlaceBlocks, TakesNoRoomForNothing) {
  EXPECT_EQ(PlaceBlocks({}).bytes, 0);
  EXPECT_EQ(PlaceBlocks({Block(0, 0, 5)}).bytes, 0);
}

TEST(PlaceBlocks, NeverOverlapsOverManyRandomPlans) {
  const RandomStream random(7, "plans", 0, 0);
  uint64_t draw = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<MemoryBlock> blocks;
    for (int i = 0; i < 40; ++i) {
      const int first = static_cast<int>(random.Below(draw++, 30));
      const int last = first + static_cast<int>(random.Below(draw++, 10));
      blocks.push_back(Block(static_cast<int64_t>(random.Below(draw++, 5000)), first, last));
    }
    const MemoryPlan plan = PlaceBlocks(blocks);
    for (size_t a = 0; a < blocks.size(); ++a) {
      for (size_t b = a + 1; b < blocks.size(); ++b) {
        const MemoryBlock &x = plan.blocks[a], &y = plan.blocks[b];
        const bool together = x.first <= y.last && y.first <= x.last;
        const bool overlap = x.offset < y.offset + y.bytes && y.offset < x.offset + x.bytes;
        EXPECT_FALSE(together && overlap)
            << "blocks " << a << " and " << b << " of round " << round;
      }
    }
    EXPECT_LE(plan.bytes, plan.bytes_apart);
  }
}

}  // namespace
}  // namespace moka
