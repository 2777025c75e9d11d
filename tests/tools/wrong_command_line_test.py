"""A wrong command line ends with status 2 and says what is wrong, and nothing else."""
import unittest

from moka import MokaTest

TRAIN_HELP = "`moka help train` lists its flags.\n"
HELP = "`moka help` shows how it is used.\n"

# The words after moka, and what stands on stderr after "moka: ".
TABLE = [
    ("trian", 'there is no command "trian"; did you mean "train"?\n' + HELP),
    ("device_query", 'there is no command "device_query"\n' + HELP),
    ("--solver=x", "the command comes first: moka COMMAND [flags]\n" + HELP),
    ("--solver=x trian", 'there is no command "trian"; did you mean "train"?\n' + HELP),
    ("--solver x --nix=y train", "moka train has no flag --nix\n" + HELP),
    ("help trian", 'there is no command "trian"; did you mean "train"?\n' + HELP),
    ("help train test", "moka help wants one command\n" + HELP),
    ("train", "moka train needs --solver=FILE\n" + TRAIN_HELP),
    ("train --solver=", "moka train needs --solver=FILE\n" + TRAIN_HELP),
    ("train --solver", "--solver wants a value\n" + TRAIN_HELP),
    ("train --slover=x",
     'moka train has no flag --slover; did you mean "--solver"?\n' + TRAIN_HELP),
    ("train -slover x",
     'moka train has no flag --slover; did you mean "--solver"?\n' + TRAIN_HELP),
    ("train --model=x", "moka train has no flag --model\n" + TRAIN_HELP),
    ("train --solver=x y", 'moka train does not know what to do with "y"\n' + TRAIN_HELP),
    ("train --solver=x --threads=two", '--threads wants a number, not "two"\n' + TRAIN_HELP),
    ("train --solver=x --threads=-1", "--threads must be at least 0, not -1\n" + TRAIN_HELP),
    ("train --solver=x --max_memory=lots",
     '--max_memory wants a size such as 500M or 4G, not "lots"\n' + TRAIN_HELP),
    ("train --solver=x --max_memory=4",
     '--max_memory wants a size such as 500M or 4G, not "4"\n' + TRAIN_HELP),
    ("layers ReLU --markdown",
     "--markdown is for all types; leave out ReLU\n`moka help layers` lists its flags.\n"),
    ("train --solver=x --seed=1e3", '--seed wants a number, not "1e3"\n' + TRAIN_HELP),
    ("train --solver=x --snapshot=a --weights=b",
     "--snapshot brings its own weights; give it or --weights, not both\n" + TRAIN_HELP),
    ("train --solver=x --sigint_effect=halt",
     '--sigint_effect wants stop, snapshot or none, not "halt"\n' + TRAIN_HELP),
    ("train --solver=x --sighup_effect=",
     '--sighup_effect wants stop, snapshot or none, not ""\n' + TRAIN_HELP),
    ("test --weights=x", "moka test needs --model=FILE\n`moka help test` lists its flags.\n"),
    ("test --model=x", "moka test needs --weights=FILE\n`moka help test` lists its flags.\n"),
    ("test --model=x --weights=y --iterations=0",
     "--iterations must be at least 1, not 0\n`moka help test` lists its flags.\n"),
    ("test --model=x --weights=y --iterations=9999999999",
     '--iterations wants a number, not "9999999999"\n`moka help test` lists its flags.\n'),
    ("time", "moka time needs --model=FILE, or --layer=TEXT\n`moka help time` lists its flags.\n"),
    ("time --model=x --phase=train",
     '--phase wants TRAIN or TEST, not "train"\n`moka help time` lists its flags.\n'),
    ("time --model=x --iterations=-1",
     "--iterations must be at least 1, not -1\n`moka help time` lists its flags.\n"),
    ("layers ReLU TanH",
     'moka layers does not know what to do with "TanH"\n`moka help layers` lists its flags.\n'),
    ("lr", "moka lr needs a solver file\n`moka help lr` lists its flags.\n"),
    ("lr x y", 'moka lr does not know what to do with "y"\n`moka help lr` lists its flags.\n'),
    ("lr x --solver=y", "moka lr has no flag --solver\n`moka help lr` lists its flags.\n"),
    ("summary", "moka summary needs a net file\n`moka help summary` lists its flags.\n"),
]


class WrongCommandLine(MokaTest):
    def test_each_of_the_table(self):
        for words, text in TABLE:
            with self.subTest(words):
                run = self.check(2, *words.split())
                self.assertEqual(run.stderr, "moka: " + text)
                self.assertEqual(run.stdout, "")

    def test_no_command_shows_all_of_them(self):
        run = self.check(2)
        self.assertEqual(run.stdout, "")
        for command in ("train", "test", "time", "layers", "summary", "lr", "plugin", "new-layer"):
            self.assertIn(f"\n  {command} ", run.stderr)


class Help(MokaTest):
    def test_help_is_no_error(self):
        for words in ("help", "--help", "-h", "-help"):
            run = self.check(0, words)
            self.assertIn("usage: moka COMMAND [flags]\n", run.stdout)
            self.assertIn("Exit status: 0 done, 1 an error", run.stdout)
            self.assertEqual(run.stderr, "")

    def test_help_of_a_command_lists_its_flags_and_no_others(self):
        for words in (("help", "train"), ("train", "--help"), ("train", "--solver=x", "-h")):
            run = self.check(0, *words)
            self.assertIn("usage: moka train --solver=FILE [flags]\n", run.stdout)
            self.assertIn("--sighup_effect   what a hang-up does: ", run.stdout)
            self.assertNotIn("--model", run.stdout)

    def test_version(self):
        self.assertRegex(self.check(0, "--version").stdout, r"^moka \d+\.\d+\.\d+\n$")

    def test_an_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            run = self.check(1, "layers", stdout=full)
        self.assertEqual(run.stderr, "cannot write the output: No space left on device\n")


if __name__ == "__main__":
    unittest.main()
