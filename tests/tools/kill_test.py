"""moka train --resume=auto: killed at any time, again and again, it loses nothing."""
import random
import signal
import time
import unittest

from moka import MokaTest

KILLS = 200
ITERATIONS = 80


class Kills(MokaTest):
    def train(self, **options):
        return self.start("train", "--solver=solver.prototxt", "--resume=auto", "--threads=1",
                          **options)

    def run_to_the_end(self):
        process = self.train()
        _, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, err)
        return err

    def end(self):
        return [(self.folder / f"small_iter_{ITERATIONS}{part}.caffemodel").read_bytes()
                for part in ("", "_averaged")]

    def test_a_training_that_is_killed_again_and_again_ends_as_one_that_was_not(self):
        self.write_training(max_iter=ITERATIONS, snapshot=1, snapshot_keep=3, display=20,
                            test_interval=10, ema_decay=0.9, momentum=0.9)
        begin = time.monotonic()
        self.run_to_the_end()
        whole = time.monotonic() - begin
        expected = self.end()
        for name in self.files():
            if name.startswith("small_iter_"):
                (self.folder / name).unlink()

        numbers = random.Random(5)
        kills = ended = torn = moved = 0
        resumed = []
        longest = whole / 3  # grows where a training hardly begins in that time
        moved_of_ten = 0
        while kills < KILLS or (moved < KILLS // 4 and kills < 2 * KILLS):
            process = self.train()
            time.sleep(numbers.uniform(0, longest))
            process.send_signal(signal.SIGKILL)
            _, err = process.communicate(timeout=60)
            self.assertIn(process.returncode, (0, -signal.SIGKILL), err)
            torn += err.count("] Skipped: ")
            if process.returncode == 0:  # it was faster: once more from the start
                ended += 1
                self.assertEqual(self.end(), expected)
                for name in self.files():
                    if name.startswith("small_iter_"):
                        (self.folder / name).unlink()
                resumed = []
                continue
            kills += 1
            # No kill may cost what was on the disk before.
            states = [int(name.split("_iter_")[1].split(".")[0]) for name in self.files()
                      if name.endswith(".solverstate")]
            newest = max(states, default=0)
            self.assertGreaterEqual(newest, max(resumed, default=0), err)
            moved_of_ten += newest > max(resumed, default=0)
            resumed.append(newest)
            if kills % 10 == 0:
                moved += moved_of_ten
                longest *= 2 if moved_of_ten < 4 else 1
                moved_of_ten = 0
        self.assertGreaterEqual(moved, KILLS // 4, "the kills met too few new snapshots")
        err = self.run_to_the_end()
        self.assertNotIn("Skipped", err)
        self.assertEqual(torn, 0)
        self.assertEqual(self.end(), expected)
        self.assertFalse([name for name in self.files() if ".tmp" in name])
        print(f"{kills} kills, {moved} of them after new snapshots, {ended} trainings ended between "
              f"them, 0 lost")


if __name__ == "__main__":
    unittest.main()
