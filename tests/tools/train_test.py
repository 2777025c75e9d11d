"""moka train: its log, its files, its signals, its exit statuses."""
import fcntl
import os
import pty
import re
import resource
import signal
import struct
import termios
import unittest

from moka import NET, SOURCE_DIR, MokaTest

PREFIX = r"I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.cpp:\d+\] "  # glog's, as in Caffe's logs


class Training(MokaTest):
    def test_resume_wants_auto_or_a_state(self):
        self.write_training()
        run = self.check(2, "train", "--solver=solver.prototxt", "--resume=atuo")
        self.assertEqual(run.stderr.splitlines()[0],
                         'moka: --resume wants auto or a .solverstate, not "atuo"')

    def test_a_last_snapshot_that_does_not_fit_is_an_error(self):
        # A limit on the size of files stands in for a full disk.
        self.write_training()
        run = self.check(1, "train", "--solver=solver.prototxt",
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        self.assertEqual(run.stderr.splitlines()[-1],
                         'cannot write "small_iter_20.caffemodel": File too large')
        self.assertEqual(self.files(), ["net.prototxt", "solver.prototxt"])

    def test_the_log_reads_as_caffes(self):
        self.write_training()
        run = self.check(0, "train", "--solver=solver.prototxt")
        for line in run.stderr.splitlines():
            self.assertRegex(line, "^" + PREFIX)
        log = re.sub(r"[-+.\de]*\d", "N", re.sub(PREFIX, "", run.stderr)).splitlines()
        for line in ["Solving small",
                     "Iteration N, Testing net (#N)",
                     "    Test net output #N: loss = N (* N = N loss)",
                     "Iteration N (N iter/s, Ns/N iters), loss = N",
                     "    Train net output #N: loss = N (* N = N loss)",
                     "Iteration N, lr = N",
                     "Snapshotting to binary proto file small_iter_N.caffemodel",
                     "Snapshotting solver state to binary proto file small_iter_N.solverstate",
                     "Iteration N, loss = N",
                     "Optimization Done."]:
            self.assertIn(line, log)
        self.assertEqual(run.stdout, "")

    def test_piped_output_has_no_control_characters(self):
        self.write_training()
        run = self.check(0, "train", "--solver=solver.prototxt",
                         env=dict(self.environment(), TERM="xterm"))
        self.assertNotRegex(run.stderr, r"[\x00-\x09\x0b-\x1f]")

    def test_snapshots_are_written_and_train_on(self):
        self.write_training(snapshot=10)
        self.check(0, "train", "--solver=solver.prototxt")
        self.assertEqual(self.files(), ["net.prototxt",
                                        "small_iter_10.caffemodel", "small_iter_10.solverstate",
                                        "small_iter_20.caffemodel", "small_iter_20.solverstate",
                                        "solver.prototxt"])
        straight = (self.folder / "small_iter_20.caffemodel").read_bytes()
        (self.folder / "small_iter_20.caffemodel").unlink()
        run = self.check(0, "train", "--solver=solver.prototxt",
                         "--snapshot=small_iter_10.solverstate")
        self.assertIn("] Resuming from small_iter_10.solverstate\n", run.stderr)
        self.assertNotIn("] Iteration 5 ", run.stderr)
        self.assertEqual((self.folder / "small_iter_20.caffemodel").read_bytes(), straight)

    def test_the_flag_beats_the_seed_in_the_file(self):
        self.write_training(random_seed=3)
        for flags, seed in [([], 3), (["--seed=7"], 7)]:
            run = self.check(0, "train", "--solver=solver.prototxt", *flags)
            self.assertIn(f"] Random seed {seed}, ", run.stderr)

    def test_weights_begin_a_training(self):
        self.write_training()
        self.check(0, "train", "--solver=solver.prototxt")
        run = self.check(0, "train", "--solver=solver.prototxt",
                         "--weights", "small_iter_20.caffemodel")
        self.assertIn("Weights: 1 layer loaded, ", run.stderr)

    def test_weights_that_fit_no_layer_are_an_error(self):
        self.write_training()
        self.check(0, "train", "--solver=solver.prototxt")
        self.write("net.prototxt", NET.replace('"ip"', '"other"'))
        run = self.check(1, "train", "--solver=solver.prototxt",
                         "--weights=small_iter_20.caffemodel")
        self.assertEqual(run.stderr.splitlines()[-1], "small_iter_20.caffemodel: none of its "
                         "layers is in the net, and they are matched by name; it has \"ip\", the "
                         "net \"other\"")

    def test_the_seed_of_a_snapshot_counts(self):
        self.write_training()
        self.check(0, "train", "--solver=solver.prototxt")
        self.write_training(max_iter=25)
        run = self.check(0, "train", "--solver=solver.prototxt", "--seed=77",
                         "--snapshot=small_iter_20.solverstate")
        self.assertIn("] Random seed 3, ", run.stderr)
        self.assertIn("] --seed=77 has no effect: the snapshot goes on with its own", run.stderr)

    def test_a_snapshot_that_is_none(self):
        self.write_training()
        self.write("none.solverstate", "Not a snapshot.")
        run = self.check(1, "train", "--solver=solver.prototxt", "--snapshot=none.solverstate")
        self.assertIn("none.solverstate", run.stderr)
        self.assertNotIn("Iteration", run.stderr)

    def test_a_snapshot_is_named_once(self):
        self.write_training()
        run = self.check(2, "train", "--solver=solver.prototxt", "--snapshot=a.solverstate",
                         "--resume=auto")
        self.assertEqual(run.stderr.splitlines()[0],
                         "moka: --snapshot and --resume name the same; give one of them")

    def test_a_snapshot_that_cannot_be_removed_is_told_and_training_goes_on(self):
        self.write_training(snapshot=10, snapshot_keep=1)
        self.write("small_iter_1.solverstate", "An old one.")
        (self.folder / "small_iter_1.caffemodel").mkdir()
        run = self.check(0, "train", "--solver=solver.prototxt")
        self.assertIn('] Iteration 10: more snapshots than snapshot_keep: cannot remove '
                      '"small_iter_1.caffemodel": Is a directory\n', run.stderr)
        self.assertEqual(self.files(), ["net.prototxt", "small_iter_1.caffemodel",
                                        "small_iter_20.caffemodel", "small_iter_20.solverstate",
                                        "solver.prototxt"])

    def test_a_folder_that_cannot_be_written_is_found_before_training(self):
        self.write("file", "A file is no folder.")
        self.write_training(snapshot_prefix='"file/small"')
        run = self.check(1, "train", "--solver=solver.prototxt")
        self.assertRegex(run.stderr, r'^solver.prototxt:\d+:1: .*"?file"?')
        self.assertNotIn("Iteration", run.stderr)

    def test_a_loss_that_is_no_number_ends_with_3(self):
        self.write_training(base_lr="1e30", test_interval=1000)
        run = self.check(3, "train", "--solver=solver.prototxt")
        self.assertRegex(run.stderr.splitlines()[-1],
                         r"^iteration \d+, learning rate 1e\+30: loss is .*; "
                         r'first bad: layer ".+" \(.+\), ')
        self.assertEqual(self.files(), ["net.prototxt", "solver.prototxt"])

    def test_a_last_update_that_diverges_ends_with_3(self):
        self.write_training(base_lr="1e30", max_iter=1, display=0, test_interval=1000)
        run = self.check(3, "train", "--solver=solver.prototxt")
        self.assertRegex(run.stderr.splitlines()[-1],
                         r"^iteration 1, learning rate 1e\+30: (loss is|the update of) ")
        self.assertNotIn("Optimization Done", run.stderr)


class Signals(MokaTest):
    """Signals are sent after a line of the log, so nothing here depends on time."""

    def start(self, *words, **options):
        # The tests may run where interrupts are ignored, as in a script's background.
        heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        return super().start(*words, **{**heard, **options})

    def start_endless(self, *flags, **options):
        self.write_training(max_iter=100_000_000, display=1, test_interval=100_000_000)
        return self.start("train", "--solver=solver.prototxt", *flags, **options)

    def wait_for(self, process, text):
        self.line_with(process, text)

    def line_with(self, process, text):
        for line in process.stderr:
            if text in line:
                return line.rstrip()
        self.fail(f'the log ended without "{text}"')

    def finish(self, process):
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return err

    def snapshots(self):
        return [name for name in self.files() if name.endswith(".solverstate")]

    def stops_with_a_snapshot(self, sent, status):
        process = self.start_endless()
        self.wait_for(process, "] Iteration 3 ")
        process.send_signal(sent)
        err = self.finish(process)
        self.assertEqual(process.returncode, status, err)
        self.assertIn("Stopping after this iteration", err)
        self.assertEqual(len(self.snapshots()), 1)
        iteration = re.search(r"_iter_(\d+)\.", self.snapshots()[0])[1]
        self.assertRegex(err, "\\] Optimization stopped early\\.\n.*\\] Stopped at iteration "
                              f"{iteration}; to go on: --snapshot={self.snapshots()[0]}\n$")

    def test_an_interrupt_stops_with_a_snapshot_that_resumes(self):
        self.stops_with_a_snapshot(signal.SIGINT, 130)
        snapshot = self.snapshots()[0]
        iteration = int(re.search(r"_iter_(\d+)\.", snapshot)[1])
        self.write_training(max_iter=iteration + 2, display=1)
        run = self.check(0, "train", "--solver=solver.prototxt", f"--snapshot={snapshot}")
        self.assertIn(f"] Iteration {iteration} ", run.stderr)
        self.assertNotIn(f"] Iteration {iteration - 1} ", run.stderr)

    def test_a_request_to_terminate_does_the_same(self):
        self.stops_with_a_snapshot(signal.SIGTERM, 143)

    def test_a_hang_up_writes_a_snapshot_and_goes_on(self):
        process = self.start_endless()
        self.wait_for(process, "] Iteration 3 ")
        process.send_signal(signal.SIGHUP)
        self.wait_for(process, "Snapshotting solver state")
        self.wait_for(process, "] Iteration ")
        process.send_signal(signal.SIGINT)
        self.finish(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(len(self.snapshots()), 2)

    def test_a_snapshot_that_cannot_be_written_is_told_and_training_goes_on(self):
        self.write_training(max_iter=100_000_000, display=1, test_interval=100_000_000,
                            snapshot_prefix='"folder/small"')
        (self.folder / "folder").mkdir()
        process = self.start("train", "--solver=solver.prototxt")
        self.wait_for(process, "] Iteration 3 ")
        (self.folder / "folder").rmdir()
        process.send_signal(signal.SIGHUP)
        line = self.line_with(process, ": no snapshot: ")
        self.assertRegex(line, r"] Iteration \d+: no snapshot: cannot write "
                               r'"folder/small_iter_\d+.caffemodel": No such file or directory$')
        self.wait_for(process, "] Iteration ")
        process.send_signal(signal.SIGKILL)
        self.finish(process)

    def test_an_interrupt_may_write_a_snapshot_and_go_on(self):
        process = self.start_endless("--sigint_effect=snapshot")
        self.wait_for(process, "] Iteration 3 ")
        process.send_signal(signal.SIGINT)
        self.wait_for(process, "Snapshotting solver state")
        self.wait_for(process, "] Iteration ")
        process.send_signal(signal.SIGTERM)
        self.finish(process)
        self.assertEqual(process.returncode, 143)

    def test_a_signal_that_is_ignored_from_the_start_stays_so(self):
        # As under nohup. A second signal shows that the first had no effect.
        process = self.start_endless(
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_for(process, "] Iteration 3 ")
        process.send_signal(signal.SIGHUP)
        self.wait_for(process, "] Iteration ")
        self.wait_for(process, "] Iteration ")
        process.send_signal(signal.SIGINT)
        self.finish(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(len(self.snapshots()), 1)

    def test_an_interrupt_that_also_ends_the_reader_of_the_log_writes_a_snapshot(self):
        # Ctrl-C in `moka train 2>&1 | tee log` ends tee, too.
        process = self.start_endless()
        self.wait_for(process, "] Iteration 3 ")
        process.stderr.close()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=60)
        finally:
            process.kill()
            process.stdout.close()
        self.assertEqual(process.returncode, 130)
        self.assertEqual(len(self.snapshots()), 1)

    def test_a_second_interrupt_stops_at_once(self):
        # The first interrupt would wait for iter_size passes: that is very long.
        self.write_training(iter_size=2_000_000_000, display=1, test_interval=100_000_000)
        process = self.start("train", "--solver=solver.prototxt")
        self.wait_for(process, "] Learning Rate Policy: ")
        process.send_signal(signal.SIGINT)
        self.wait_for(process, "Stopping after this iteration")
        process.send_signal(signal.SIGINT)
        self.finish(process)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.snapshots(), [])


class Terminal(MokaTest):
    def on_a_terminal(self, term, columns=0):
        """What moka train writes to a terminal of this kind."""
        self.write_training(max_iter=200, display=100, test_interval=1000)
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 0, columns, 0, 0))
        process = self.start("train", "--solver=solver.prototxt", stderr=its, text=False,
                             env=dict(self.environment(), TERM=term))
        os.close(its)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:  # how the end of a terminal reads
            pass
        os.close(ours)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, text)
        return text.decode()

    def test_one_line_lives(self):
        text = self.on_a_terminal("xterm")
        self.assertRegex(text, r"\r\x1b\[K\[[#.]{20}\] +\d+ %  \d+/200  [\d.]+ iter/s  "
                               r"loss [\d.e-]+  lr 0\.1  \d:\d\d left")
        last = text.rstrip().split("\n")[-1]
        self.assertRegex(last, "Optimization Done.$")
        for line in text.split("\n"):  # the live line is cleared before a log line
            self.assertRegex(line.split("\x1b[K")[-1], rf"^({PREFIX}.*)?\r?$")

    def test_it_fits_into_a_narrow_terminal(self):
        drawn = re.findall(r"\x1b\[K(\[[^\r]*)", self.on_a_terminal("xterm", columns=40))
        self.assertGreater(len(drawn), 0)
        for line in drawn:
            self.assertEqual(len(line), 39)

    def test_a_terminal_that_is_gone_does_not_end_the_training(self):
        self.write_training(max_iter=20_000, display=0, test_interval=100_000)
        ours, its = pty.openpty()
        process = self.start("train", "--solver=solver.prototxt", stderr=its, text=False,
                             env=dict(self.environment(), TERM="xterm"))
        os.close(its)
        text = b""
        while b"iter/s" not in text:  # the live line is there
            text += os.read(ours, 4096)
        os.close(ours)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertIn("small_iter_20000.caffemodel", self.files())

    def test_a_dumb_terminal_gets_plain_lines(self):
        self.assertNotIn("\x1b", self.on_a_terminal("dumb"))


class LeNet(MokaTest):
    """The quickstart's net on the digits in the repository, a few iterations."""

    def test_trains_and_is_tested(self):
        models = SOURCE_DIR / "models" / "lenet"
        solver = (models / "quickstart.prototxt").read_text()
        solver = re.sub(r"max_iter: \d+", "max_iter: 60", solver).replace(
            '"train.prototxt"', f'"{models / "train.prototxt"}"').replace(
            "test_initialization: false", "test_initialization: true")
        self.write("solver.prototxt", solver)
        train = self.check(0, "train", "--solver=solver.prototxt")
        seen = float(re.findall(r"Test net output #0: accuracy = ([\d.]+)", train.stderr)[0])
        self.assertLess(seen, 0.3)
        run = self.check(0, "test", f"--model={models / 'train.prototxt'}", "--stage=sample",
                         "--weights=lenet_quickstart_iter_60.caffemodel", "--iterations=20")
        self.assertRegex(run.stdout, r"^Loss: [\d.]+\naccuracy = 0\.\d+\n"
                                     r"loss = [\d.]+ \(\* 1 = [\d.]+ loss\)\n$")
        self.assertGreater(float(re.search(r"accuracy = ([\d.]+)", run.stdout)[1]), 0.75)
        self.assertRegex(run.stderr, PREFIX + r"Batch 0, accuracy = 0\.\d+")


if __name__ == "__main__":
    unittest.main()
