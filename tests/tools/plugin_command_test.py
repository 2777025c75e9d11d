"""moka plugin: list shows what is found, inspect what is in it, check whether it keeps its word."""
import os
import re
import shutil
import unittest

from moka import BINARY_DIR, MokaTest

BUILT = BINARY_DIR / "lib"
SNAKE = BUILT / "libsnake.so"
LAYERS = BUILT / "libbroken_layers.so"
PARTS = BUILT / "libbroken_parts.so"
INSTALLED = BUILT / "moka" / "plugins"
HELP = "`moka help plugin` lists its flags.\n"
NUMBER = r"-?[\d.]+(?:e[+-]\d+)?"

# The words after moka plugin, and what stands on stderr after "moka: ".
WRONG = [
    ("", "moka plugin needs list, inspect FILE or check FILE\n"),
    ("lst", 'there is no command "plugin lst"; did you mean "list"?\n'),
    ("remove x.so", 'there is no command "plugin remove"\n'),
    ("list x.so", 'moka plugin list does not know what to do with "x.so"; a file more is '
                  "--plugin=x.so\n"),
    ("inspect", "moka plugin inspect needs a FILE\n"),
    ("check", "moka plugin check needs a FILE\n"),
    ("inspect a.so b.so", 'moka plugin inspect does not know what to do with "b.so"\n'),
    ("check a.so --model=x", "moka plugin has no flag --model\n"),
]


class CommandLine(MokaTest):
    def test_a_wrong_one_is_told(self):
        for words, text in WRONG:
            with self.subTest(words):
                run = self.check(2, "plugin", *words.split())
                self.assertEqual(run.stderr, "moka: " + text + HELP)
                self.assertEqual(run.stdout, "")

    def test_help_explains_the_three(self):
        out = self.check(0, "help", "plugin").stdout
        self.assertIn("usage: moka plugin list | inspect FILE | check FILE [TYPE...] [flags]\n", out)
        for word in ("list", "inspect", "check"):
            self.assertRegex(out, rf"\n{word} +[a-z]")


# What lies in the build's own folder of plugins: those that ship with Moka.
SHIPPED = f"""install directory: {INSTALLED}
  file            package  for Moka  brings
  libmoka_ssd.so  ssd      0.1.0     layers: DetectionOutput, MultiBoxLoss, Normalize, Permute, PriorBox, SmoothL1Loss

"""


@unittest.skipIf([file.name for file in INSTALLED.glob("*.so")] != ["libmoka_ssd.so"],
                 "other plugins lie in the build's own folder")
class List(MokaTest):
    def listed(self, status, *words, path=None):
        variables = {} if path is None else {"MOKA_PLUGIN_PATH": path}
        run = self.check(status, "plugin", "list", *words,
                         env=dict(self.environment(), **variables))
        self.assertEqual(run.stderr, "")
        self.assertIn(SHIPPED, run.stdout)
        return run.stdout.replace(SHIPPED, "")

    def copy(self, plugin, to):
        (self.folder / to).parent.mkdir(exist_ok=True)
        shutil.copy(BUILT / plugin, self.folder / to)

    def test_says_that_no_path_is_set(self):
        self.assertEqual(self.listed(0), "MOKA_PLUGIN_PATH: not set\n")

    def test_shows_folders_that_are_empty_and_those_that_are_missing(self):
        (self.folder / "empty").mkdir()
        self.assertEqual(self.listed(0, path="empty"), "MOKA_PLUGIN_PATH: empty (no plugins)\n")
        self.assertEqual(self.listed(1, path="empty:gone"),
                         "MOKA_PLUGIN_PATH: empty (no plugins)\n\n"
                         "MOKA_PLUGIN_PATH: gone\n"
                         "  refused: No such file or directory\n\n"
                         "1 refused; every other command stops at it\n")

    def test_a_folder_that_anybody_may_write_to_is_refused(self):
        (self.folder / "open").mkdir()
        os.chmod(self.folder / "open", 0o777)
        self.assertEqual(self.listed(1, path="open"),
                         "MOKA_PLUGIN_PATH: open\n"
                         "  anybody may write to open: refused (chmod o-w)\n\n"
                         "1 refused; every other command stops at it\n")

    def test_a_broken_plugin_does_not_hide_the_others(self):
        self.copy("libhostile_1.so", "some/a_newer.so")
        self.copy("librelu_plugin.so", "some/relu.so")
        self.copy("libsnake.so", "some/snake.so")
        self.write("some/text.so", "Not a library.\n")
        self.copy("libtrio.so", "some/trio.so")
        self.assertEqual(
            self.listed(1, path="some"),
            "MOKA_PLUGIN_PATH: some\n"
            "  file        package       for Moka  brings\n"
            "  a_newer.so  hostile       0         refused: built for plugin API 4, this is 3: "
            "rebuild it with this version's headers\n"
            '  relu.so     relu_plugin   0.1.0     refused: type "ReLU" (from some/relu.so) exists '
            "already (built in)\n"
            "  snake.so    snake         0.1.0     layers: Snake\n"
            "  text.so                             refused: not a shared library: it is text\n"
            "  trio.so     plugins_trio  0.1.0     layers: Gain, SquareLoss\n\n"
            "3 refused; every other command stops at the first of them\n")

    def test_a_plugin_that_is_given_comes_first_and_counts_once(self):
        self.copy("libsnake.so", "some/snake.so")
        self.copy("libsnake.so", "mine.so")
        self.assertEqual(self.listed(0, "--plugin=mine.so,./mine.so", path="some"),
                         "--plugin\n"
                         "  file       package  for Moka  brings\n"
                         "  mine.so    snake    0.1.0     layers: Snake\n"
                         "  ./mine.so                     (the same file as above)\n\n"
                         "MOKA_PLUGIN_PATH: some\n"
                         "  file      package  for Moka  brings\n"
                         "  snake.so  snake    0.1.0     nothing: --plugin names another snake\n")

    def test_all_kinds_of_types_are_named(self):
        self.assertIn(
            "  fillers: counts, infinite, leaves_the_last, matrix_only, needs_value, ones, "
            "overruns, throws_int; solvers: ByPiece, Explodes, Plain, TooManyHistories; "
            "learning-rate policies: halves, infinite_at_ten, remembers; data formats: nowhere\n",
            self.listed(0, "--plugin", PARTS))


class Inspect(MokaTest):
    def test_tells_the_build_and_the_layers_with_traits_and_parameters(self):
        out = self.check(0, "plugin", "inspect", SNAKE).stdout
        self.assertRegex(out, rf"""^{SNAKE}
              plugin +this Moka
  package     snake
  Moka        0\.1\.0 +0\.1\.0
  plugin API  (\d+\.\d+) +\1
  C\+\+ ABI     (\d+) +\2
  protobuf    ([\d.]+) +\3
  compiler    (.+?) +\4
""")
        self.assertEqual(out[out.index("\nlayer"):], """
layer Snake
  1 bottom, 1 top
  may work in place: top 0 in the memory of bottom 0
  Backward reads, for the gradients of bottoms: bottom 0
  Backward reads, for those of params: bottom 0, top 0

  snake_param { }  # y = x + sin^2(alpha x) / alpha
    alpha                float = 1
                           how fast y waves above x; positive
""")

    def test_says_what_has_no_gradient_and_what_is_a_loss(self):
        out = self.check(0, "plugin", "inspect", BUILT / "libtrio.so").stdout
        self.assertIn("\nlayer SquareLoss\n  2 bottoms, 1 top\n  a loss\n"
                      "  no gradient for bottom 1\n"
                      "  Backward reads all bottoms, top 0\n", out)

    def test_of_a_plugin_that_does_not_fit_it_tells_what_is_known(self):
        run = self.check(1, "plugin", "inspect", BUILT / "libhostile_1.so")
        self.assertRegex(run.stdout, r"\n  package     hostile\n(.*\n)  plugin API  4\.\d+ +3\.\d+\n")
        self.assertNotIn("layer", run.stdout)
        self.assertEqual(run.stderr, f"plugin {BUILT}/libhostile_1.so: built for plugin API 4, this "
                                     "is 3: rebuild it with this version's headers\n")

    def test_types_that_are_there_already_are_explained_before_they_are_refused(self):
        plugin = BUILT / "librelu_plugin.so"
        run = self.check(1, "plugin", "inspect", plugin)
        self.assertIn("\nlayer ReLU\n  1 bottom, 1 top\n", run.stdout)
        self.assertIn("\n    negative_slope       float = 0\n", run.stdout)
        self.assertEqual(run.stderr, f'plugin {plugin}: type "ReLU" (from {plugin}) exists already '
                                     "(built in)\n")

    def test_traits_that_throw_are_told_and_hide_nothing(self):
        out = self.check(0, "plugin", "inspect", LAYERS).stdout
        self.assertIn("\nlayer TraitsThrow\n  what it declares is not known without parameters: "
                      f'type "TraitsThrow", plugin {LAYERS}: threw something that is no '
                      "std::exception\n\nlayer UndeclaredRead\n", out)

    def test_the_other_kinds_have_their_parameters(self):
        out = self.check(0, "plugin", "inspect", PARTS).stdout
        for heading in ("filler ones", "solver Plain", "learning-rate policy halves",
                        "data format nowhere"):
            self.assertIn(f"\n{heading}\n  no parameters of its own\n", out)

    def test_what_is_no_plugin_is_an_error(self):
        run = self.check(1, "plugin", "inspect", "nope.so")
        self.assertEqual(run.stdout, "")
        self.assertEqual(run.stderr, "plugin nope.so: No such file or directory\n")


class CheckLayers(MokaTest):
    def report(self, status, *words):
        run = self.check(status, "plugin", "check", *words)
        self.assertEqual(run.stderr, "")
        return run.stdout

    def broken(self, layer):
        """What is told of a layer whose only case is 2x3."""
        out = self.report(1, LAYERS, layer)
        start = f"{layer}  2x3  BROKEN\n"
        end = "\n1 layer in 1 case: 1 broken\n"
        self.assertTrue(out.startswith(start) and out.endswith(end), out)
        return out[len(start):-len(end)]

    def test_a_plugin_that_keeps_its_contract(self):
        self.assertRegex(self.report(0, SNAKE), r"""^Snake  2x3x4x5\S*(, snake_param .*)? +kept 12 promises
(Snake  .* kept 12 promises
)+
1 layer in \d+ cases: 1 right
$""")

    def test_a_wrong_gradient(self):
        # dy is 1.5 away from 0 at most, x in [1, 2)
        text = self.broken("WrongGradient")
        found = re.fullmatch(r"    gradient of bottom 0 at element 0 \(0,0\): expected "
                             rf"({NUMBER}), got ({NUMBER})\n", text)
        self.assertTrue(found, text)
        self.assertAlmostEqual(float(found[1]), 2 * float(found[2]), places=2)

    def test_a_value_that_backward_reads_undeclared(self):
        self.assertRegex(
            self.broken("UndeclaredRead"),
            r"^    for all gradients, with nan in all values not declared as read: gradient of "
            rf"bottom 0 at element 0 \(0,0\): expected {NUMBER}, got -?nan \(and 5 more\)\n"
            r"(    for .*\n){3}    \.\.\. and 2 more\n$")

    def test_an_element_that_is_not_written(self):
        self.assertRegex(
            self.broken("UnwrittenElement"),
            r"^    with 1e\+30 instead of NaN in all memory not yet written: top 0 at element 5 "
            r"\(1,2\): expected -?nan, got 1e\+30\n")

    def test_what_is_thrown_that_is_no_error(self):
        self.assertEqual(self.broken("ThrowsInt"),
                         f'    throws: layer "layer" (ThrowsInt, plugin {LAYERS}): threw something '
                         "that is no std::exception\n")

    def test_layers_that_cannot_be_checked_say_why_and_count_as_failures(self):
        self.assertEqual(
            self.report(1, LAYERS, "FitsNothing"),
            "FitsNothing    not checked: cannot be built without parameters, from any shapes that "
            "were tried (wants 7 channels, not 3); declare cases for it: "
            'registry.AddCheckCase("FitsNothing", ...)\n\n'
            "1 layer in 0 cases: 1 not checked\n")
        self.assertEqual(
            self.report(1, LAYERS, "TraitsThrow"),
            f'TraitsThrow    not checked: type "TraitsThrow", plugin {LAYERS}: threw something that '
            "is no std::exception\n\n"
            "1 layer in 0 cases: 1 not checked\n")

    def test_one_after_the_other_with_numbers_at_the_end(self):
        out = self.report(1, LAYERS)
        self.assertIn("\nSquare            2x3  kept 11 promises\n", out)
        self.assertTrue(out.endswith(
            "\n\n7 layers in 5 cases: 1 right, 4 broken, 2 not checked\n"), out)

    def test_a_made_up_case_that_breaks_is_explained(self):
        out = self.report(1, BUILT / "libthrower.so", "ThrowsWords")
        self.assertIn("\n\nSome of the broken cases were made up from the traits, since none are "
                      "declared for the layer.\n", out)

    def test_types_are_chosen_by_name_or_with_the_package(self):
        self.assertTrue(self.report(0, LAYERS, "Square").endswith("1 layer in 1 case: 1 right\n"))
        self.assertTrue(self.report(0, LAYERS, "broken_layers.Square").endswith(
            "1 layer in 1 case: 1 right\n"))

    def test_an_unknown_type_is_an_error(self):
        run = self.check(1, "plugin", "check", SNAKE, "Snke")
        self.assertEqual(run.stderr,
                         f'plugin {SNAKE}: it brings no type "Snke"; did you mean "Snake"?\n')
        run = self.check(1, "plugin", "check", LAYERS, "Square", "ReLU")
        self.assertEqual(run.stderr,
                         f'plugin {LAYERS}: it brings no type "ReLU"; it has: FitsNothing, Square, '
                         "ThrowsInt, TraitsThrow, UndeclaredRead, UnwrittenElement, WrongGradient\n")
        self.assertEqual(run.stdout, "")

    def test_a_plugin_that_is_refused_is_an_error(self):
        plugin = BUILT / "librelu_plugin.so"
        run = self.check(1, "plugin", "check", plugin)
        self.assertEqual(run.stderr, f'plugin {plugin}: type "ReLU" (from {plugin}) exists already '
                                     "(built in)\n")


class CheckOtherKinds(MokaTest):
    def report(self, status, *types):
        run = self.check(status, "plugin", "check", PARTS, *types)
        self.assertEqual(run.stderr, "")
        return run.stdout

    def test_fillers(self):
        self.assertEqual(self.report(1, "ones", "leaves_the_last", "infinite", "overruns", "counts",
                                     "throws_int"), """\
filler counts           4x3      BROKEN
    filled again: element 0: expected 1, got 2
filler counts           2x3x4x4  BROKEN
    filled again: element 0: expected 1, got 2
filler infinite         4x3      BROKEN
    element 0: expected a finite number, got inf
filler infinite         2x3x4x4  BROKEN
    element 0: expected a finite number, got inf
filler leaves_the_last  4x3      BROKEN
    element 11: expected to be written, got what was there before
filler leaves_the_last  2x3x4x4  BROKEN
    element 95: expected to be written, got what was there before
filler ones             4x3      kept 4 promises
filler ones             2x3x4x4  kept 4 promises
filler overruns         4x3      BROKEN
    element 12, which is not its own: expected no change, got 1
filler overruns         2x3x4x4  BROKEN
    element 96, which is not its own: expected no change, got 1
filler throws_int       4x3      BROKEN
    throws something that is no std::exception
filler throws_int       2x3x4x4  BROKEN
    throws something that is no std::exception

6 types in 12 cases: 1 right, 5 broken
""")

    def test_what_needs_parameters_files_or_other_shapes_is_no_failure(self):
        self.assertEqual(self.report(0, "matrix_only", "needs_value", "nowhere"), """\
filler matrix_only   4x3      kept 4 promises
filler matrix_only   2x3x4x4  not checked: fills matrices, not 2x3x4x4
filler needs_value   4x3      not checked: value is missing
filler needs_value   2x3x4x4  not checked: value is missing
data format nowhere           not checked: needs files to read from

3 types in 1 case: 1 right, 2 not checked
""")

    def test_update_rules(self):
        self.assertRegex(self.report(1, "Plain", "ByPiece", "Explodes", "TooManyHistories"), r"""^solver ByPiece           257 elements, 3 steps  BROKEN
    in pieces of 1: value 1: expected 2, got -?[\d.]+
solver Explodes          257 elements, 3 steps  BROKEN
    value 0: expected a finite number, got -?inf
solver Plain             257 elements, 3 steps  kept 4 promises
solver TooManyHistories  257 elements, 3 steps  BROKEN
    histories: expected 0 to 4, got 5

4 types in 4 cases: 1 right, 3 broken
$""")

    def test_learning_rate_policies(self):
        self.assertEqual(self.report(1, "halves", "infinite_at_ten", "remembers"), """\
learning-rate policy halves           iterations 0 to 1000  kept 2 promises
learning-rate policy infinite_at_ten  iterations 0 to 1000  BROKEN
    at iteration 10: expected a finite number, got inf
learning-rate policy remembers        iterations 0 to 1000  BROKEN
    asked again for iteration 0: expected 1, got 2002

3 types in 3 cases: 1 right, 2 broken
""")


class Layers(MokaTest):
    def test_the_other_kinds_stand_at_the_end_with_their_origin(self):
        out = self.check(0, "layers", "--plugin", PARTS).stdout
        kinds = out[out.index("\n\n") + 2:].splitlines()
        self.assertEqual([line.split(":")[0] for line in kinds],
                         ["fillers", "solvers", "learning-rate policies", "data formats"])
        self.assertIn(f", needs_value ({PARTS}), ones ({PARTS}), ", kinds[0])
        self.assertTrue(kinds[0].startswith("fillers: bilinear, constant, "))
        self.assertIn(", SGD, ", kinds[1])
        self.assertTrue(kinds[2].startswith("learning-rate policies: cosine, exp, fixed, "))
        self.assertEqual(kinds[3], f"data formats: cifar10, idx, nowhere ({PARTS})")

    def test_explains_what_is_no_layer(self):
        self.assertEqual(self.check(0, "layers", "SGD").stdout,
                         "SGD, a solver (built in)\n  no parameters of its own\n")
        self.assertEqual(self.check(0, "layers", "moka.idx").stdout,
                         "idx, a data format (built in)\n  no parameters of its own\n")

    def test_what_traits_throw_names_the_plugin(self):
        run = self.check(0, "layers", "TraitsThrow", "--plugin", LAYERS)
        self.assertEqual(run.stdout,
                         f"TraitsThrow ({LAYERS})\n  Layers that each break one promise of their contract: "
                         "what `moka plugin check` has to find.\n\n  what it declares is not known without "
                         f'parameters: type "TraitsThrow", plugin {LAYERS}: threw something that is '
                         "no std::exception\n")
        run = self.check(1, "time", "--layer=type: 'TraitsThrow'", "--shape=3", "--plugin", LAYERS)
        self.assertEqual(run.stderr, f'--layer:1:1: layer "layer" (TraitsThrow, plugin {LAYERS}): '
                                     "threw something that is no std::exception\n")


if __name__ == "__main__":
    unittest.main()
