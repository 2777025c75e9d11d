"""moka train: what its log says beside Caffe's lines, and what `moka help` says of it."""
import re
import unittest

from moka import MokaTest

PREFIX = re.compile(r"^([IWEF])\d{4} \S+ +\d+ \S+\] ", re.M)


class Words(MokaTest):
    def log(self, *flags):
        """The lines of a training's log; of glog's prefix only the letter of the level is left."""
        run = self.check(0, "train", "--solver=solver.prototxt", *flags)
        return PREFIX.sub(r"\1 ", run.stderr).splitlines()

    def write_finished_training(self):
        """20 iterations with a snapshot at 10."""
        self.write_training(snapshot=10)
        self.log()

    def test_a_resumed_training_says_where_it_goes_on(self):
        self.write_finished_training()
        self.write_training(max_iter=25)
        for flag in ("--snapshot=small_iter_20.solverstate", "--resume=auto"):
            self.assertEqual(self.log(flag)[:2], ["I Resuming from small_iter_20.solverstate",
                                                  "I Going on at iteration 20 of max_iter 25"])
            (self.folder / "small_iter_25.solverstate").unlink()

    def test_nothing_is_left_to_do_from_max_iter_on(self):
        self.write_finished_training()
        for max_iter in (20, 15):
            self.write_training(max_iter=max_iter)
            log = self.log("--resume=small_iter_20.solverstate")
            self.assertEqual(log[:2], ["I Resuming from small_iter_20.solverstate",
                                       f"W nothing left to do: iteration 20 of max_iter {max_iter}"])
            self.assertEqual(log[-1], "I Optimization Done.")

    def test_a_training_that_begins_anew_over_snapshots_is_warned(self):
        self.write_finished_training()
        self.write("smaller_iter_30.solverstate", "of another prefix")
        begin = "W This training begins anew and may replace "
        end = "; --resume=auto goes on from there, another snapshot_prefix leaves them alone"
        self.assertEqual(self.log()[0], begin + "2 snapshots of an earlier one, the newest "
                         "small_iter_20.solverstate" + end)
        (self.folder / "small_iter_20.solverstate").unlink()
        self.assertIn(begin + "1 snapshot of an earlier one, the newest small_iter_10.solverstate" +
                      end, self.log("--weights=small_iter_20.caffemodel"))

    def test_no_warning_where_nothing_is_replaced(self):
        self.write_training(snapshot=10)
        first = self.log()
        resumed = self.log("--resume=auto")
        self.write_training(snapshot_after_train="false")
        without = self.log()
        self.write_training(snapshot_prefix='"other"')
        other = self.log()
        for log in (first, resumed, without, other):
            self.assertEqual([line for line in log if "anew" in line], [])

    def test_the_mean_of_the_weights_is_named(self):
        self.write_training(ema_decay=0.5)
        log = self.log()
        self.assertEqual(log[log.index("I Learning Rate Policy: fixed") + 1],
                         "I Tests are of the mean of the weights (ema_decay 0.5)")
        begin = log.index("I Snapshotting to binary proto file small_iter_20.caffemodel")
        self.assertEqual(log[begin + 1:begin + 3], [
            "I Snapshotting solver state to binary proto file small_iter_20.solverstate",
            "I Snapshotting the mean of the weights to small_iter_20_averaged.caffemodel"])
        self.assertIn("small_iter_20_averaged.caffemodel", self.files())
        self.write_training(ema_decay=0.5, test_iter=None, test_interval=None)
        self.assertNotIn("Tests are of", "\n".join(self.log()))
        self.write_training()
        self.assertNotIn("mean of the weights", "\n".join(self.log()))

    def test_hdf5_files_are_named_in_caffes_words(self):
        self.write_training(snapshot_format="HDF5", ema_decay=0.5)
        run = self.moka("train", "--solver=solver.prototxt")
        if "was built without it" in run.stderr:
            self.skipTest("needs a build with HDF5")
        log = PREFIX.sub("", run.stderr).splitlines()
        self.assertEqual([line for line in log if "Snapshotting" in line], [
            "Snapshotting to HDF5 file small_iter_20.caffemodel.h5",
            "Snapshotting solver state to HDF5 file small_iter_20.solverstate.h5",
            "Snapshotting the mean of the weights to small_iter_20_averaged.caffemodel.h5"])
        self.assertIn("small_iter_20_averaged.caffemodel.h5", self.files())

    def write_early_end(self, **more):
        """The loss falls: as the highest, the first stays the best."""
        self.write_training(test_interval=5, snapshot_best='"loss"', best_is="HIGHEST",
                            early_stop_patience=2, display=0, max_iter=1000, **more)

    def test_an_early_end_names_the_best_weights(self):
        for more, best in (({}, "small_best_iter_0.caffemodel"),
                           ({"ema_decay": 0.5}, "small_best_iter_0_averaged.caffemodel")):
            self.write_early_end(**more)
            log = self.log()
            end = [line for line in log if "early_stop_patience" in line]
            self.assertEqual(len(end), 1)
            self.assertRegex(end[0], r"^I Iteration 10, end by early_stop_patience: loss has not "
                                     r"become better than [\d.]+ of iteration 0$")
            self.assertEqual(log[-2:], [f"I Best weights by loss: {best}",
                                        "I Optimization Done."])
            self.assertNotIn("stopped early", "\n".join(log))
            self.assertIn(best, self.files())

    def test_best_weights_that_are_gone_are_not_named(self):
        self.write_early_end()
        self.log()
        for name in self.files():
            if "_best_" in name:
                (self.folder / name).unlink()
        log = self.log("--resume=auto")
        self.assertIn("I Resuming from small_iter_10.solverstate", log)
        self.assertNotIn("Best weights", "\n".join(log))

    def test_adam_without_momentum_is_told(self):
        self.write_training(type='"Adam"', base_lr=0.01)
        self.assertEqual(self.log()[0],
                         'W solver.prototxt:9:1: type "Adam" without momentum: b1 is 0, as in '
                         "Caffe; PyTorch's default is momentum: 0.9")


class Help(MokaTest):
    def shown(self, command):
        return self.check(0, "help", command).stdout

    def test_train_says_how_to_go_on_and_what_is_written(self):
        text = self.shown("train")
        for words in (
                "\nPREFIX is snapshot_prefix; if that is a folder, files in it have the solver "
                "file's name; without one,\nthey lie beside the solver file.\n",
                "snapshot_keep: K leaves the newest K snapshots;",
                "as PREFIX_best_iter_N;",
                "as PREFIX_iter_N_averaged.caffemodel.\n",
                "\n--snapshot=FILE and --resume=FILE are the same. ",
                "--weights then count only where the training begins.\n",
                "and with status 130 or 143; a second signal stops at once, without.",
                "\n  --snapshot        the .solverstate to continue from; the same as "
                "--resume=FILE\n",
                "\n  --weights         weights to begin with: "):
            self.assertIn(words, text)
        for line in text.split("\n\n  --")[0].splitlines():
            self.assertLessEqual(len(line), 104)

    def test_a_flag_says_what_it_is_for_in_this_command(self):
        for command, line in (
                ("test", "--weights         trained weights: one or more .caffemodel or .caffemodel.h5 "
                         "files, separated by commas; where several have a layer, the last in "
                         "which it fits counts"),
                ("test", "--iterations      how many batches to run (50)"),
                ("time", "--iterations      how often each layer runs for its median time (50)"),
                ("lr", "--iterations      how many iterations to show (max_iter)")):
            self.assertIn(f"\n  {line}\n", self.shown(command))

    def test_lr_says_what_loss_it_shows(self):
        self.assertIn("\nA policy that looks at the loss, as plateau does, is shown one that never "
                      "changes.\n", self.shown("lr"))

    def test_the_overview_has_all_statuses(self):
        self.assertTrue(self.check(0, "--help").stdout.endswith(
            "\nExit status: 0 done, 1 an error in the input or the run, 2 a wrong command line,\n"
            "3 numbers that are not finite, 128 + the signal that stopped a training: 130 by "
            "Ctrl-C,\n143 by SIGTERM.\n"))


if __name__ == "__main__":
    unittest.main()
