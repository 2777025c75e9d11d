"""moka new-layer: what it writes, and all that it refuses. That it builds and trains is in tests/install."""
import resource
import unittest

from moka import MokaTest

HELP = "`moka help new-layer` lists its flags.\n"
NO_TYPE = "cannot be a layer's type: that is a capital letter, then letters and digits"
NO_NAME = ("cannot be a parameter's name: that is small letters, digits and single underscores "
           "between them, a letter first")
NO_ENTRY = ("is not name:type or name:type=default; several are separated by commas: "
            '"beta:float=1,count:int"')
TYPES = "There are float, double, int, int32, int64, uint32, uint64, bool, string"

# A name, and why it cannot be one.
NAMES = [
    ("snake", f'"snake" {NO_TYPE}; did you mean "Snake"?'),
    ("my-layer", f'"my-layer" {NO_TYPE}; did you mean "MyLayer"?'),
    ("My_Layer", f'"My_Layer" {NO_TYPE}; did you mean "MyLayer"?'),
    ("class", f'"class" {NO_TYPE}; did you mean "Class"?'),
    ("pooling", f'"pooling" {NO_TYPE}; and "Pooling" is a built-in layer, which `moka layers '
                "Pooling` explains; choose another name, such as MyPooling"),
    ("relu", f'"relu" {NO_TYPE}; and the parameters of "Relu" would be relu_param, which a '
             "built-in layer has already; choose another name, such as MyRelu"),
    ("3", f'"3" {NO_TYPE}'),
    ("", f'"" {NO_TYPE}'),
    ("ReLU", '"ReLU" is a built-in layer, which `moka layers ReLU` explains; '
             "choose another name, such as MyReLU"),
    ("Relu", 'the parameters of "Relu" would be relu_param, which a built-in layer has already; '
             "choose another name, such as MyRelu"),
    ("Test", '"Test" has another meaning in C++, CMake or Moka; '
             "choose another name, such as MyTest"),
    ("NULL", '"NULL" has another meaning in C++, CMake or Moka; '
             "choose another name, such as MyNULL"),
    ("Forward", '"Forward" has another meaning in C++, CMake or Moka; '
                "choose another name, such as MyForward"),
    ("A" * 61, f'"{"A" * 61}" has 61 characters; 60 are enough'),
]

# What --params says, and why it cannot.
PARAMS = [
    ("beta", f'"beta" {NO_ENTRY}'),
    ("beta=1", f'"beta=1" {NO_ENTRY}'),
    ("beta=a:float", f'"beta=a:float" {NO_ENTRY}'),
    ("beta:float,", f'"" {NO_ENTRY}'),
    (":float", f'"" {NO_NAME}'),
    ("Beta:float", f'"Beta" {NO_NAME}; did you mean "beta"?'),
    ("maxValue:float", f'"maxValue" {NO_NAME}; did you mean "max_value"?'),
    ("a__b:float", f'"a__b" {NO_NAME}'),
    ("a_:float", f'"a_" {NO_NAME}'),
    ("1st:float", f'"1st" {NO_NAME}'),
    ("class:int", '"class" has a meaning in C++ or Protobuf; choose another name'),
    ("message:int", '"message" has a meaning in C++ or Protobuf; choose another name'),
    ("linux:int", '"linux" has a meaning in C++ or Protobuf; choose another name'),
    ("a:int,b:int,a:float", '"a" is there twice'),
    ("a:int,has_a:bool", '"a" and "has_a" do not go together: Protobuf makes one of the other; '
                         "choose another name"),
    ("beta:flaot", f'unknown type "flaot" of "beta"; did you mean "float"? {TYPES}'),
    ("beta:", f'unknown type "" of "beta". {TYPES}'),
    ("beta:float=", '"beta" has a "=", but no default behind it'),
    ("beta:float=one", 'the default of beta (float), "one", is no number'),
    ("beta:float=1.5f", 'the default of beta (float), "1.5f", is no number'),
    ("beta:float=1e99", 'the default of beta (float), "1e99", is too large or too small'),
    ("beta:double=1e999", 'the default of beta (double), "1e999", is too large or too small'),
    ("beta:float=nan", 'the default of beta (float), "nan", is not finite'),
    ("n:int=1.5", 'the default of n (int32), "1.5", is no whole number'),
    ("n:int=-", 'the default of n (int32), "-", is no whole number'),
    ("n:int=2147483648",
     'the default of n (int32), "2147483648", is not from -2147483648 to 2147483647'),
    ("n:uint32=-1", 'the default of n (uint32), "-1", is not from 0 to 4294967295'),
    ("n:int64=9223372036854775808", 'the default of n (int64), "9223372036854775808", is not from '
                                    "-9223372036854775808 to 9223372036854775807"),
    ("n:uint64=18446744073709551616",
     'the default of n (uint64), "18446744073709551616", is not from 0 to 18446744073709551615'),
    ("on:bool=1", 'the default of on (bool), "1", is neither true nor false'),
    ("mode:string=a\tb",
     'the default of mode (string), "a\tb", has a character that is not printable ASCII'),
]

FILES = [".gitignore", "CMakeLists.txt", "README.md", "solver.prototxt", "train.prototxt"]


class Refusals(MokaTest):
    def refused(self, *words):
        """What stands on stderr after "moka: ", before the pointer to the help."""
        run = self.check(2, "new-layer", *words)
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("moka: ") and run.stderr.endswith("\n" + HELP),
                        run.stderr)
        self.assertEqual(self.files(), [])
        return run.stderr[len("moka: "):-len(HELP) - 1]

    def test_each_name_of_the_table(self):
        for name, text in NAMES:
            with self.subTest(name):
                self.assertEqual(self.refused(name), text)

    def test_each_of_the_parameters_of_the_table(self):
        for params, text in PARAMS:
            with self.subTest(params):
                self.assertEqual(self.refused("Snake", f"--params={params}"), "--params: " + text)

    def test_a_parameter_that_the_template_has(self):
        self.assertEqual(
            self.refused("Snake", "--with-weights", "--params=weight_filler:float"),
            '--params: the layer has a "weight_filler" of its own with --with-weights; '
            "choose another name")
        self.assertEqual(self.refused("Snake", "--loss", "--params=parts:int"),
                         '--params: the layer has a "parts" of its own with --loss; '
                         "choose another name")

    def test_no_name(self):
        self.assertEqual(self.refused(), "moka new-layer needs a name, such as Snake")

    def test_a_folder_without_a_name(self):
        self.assertEqual(self.refused("Snake", ""), "the folder has no name")

    def test_too_many_words(self):
        self.assertEqual(self.refused("Snake", "a", "b"),
                         'moka new-layer does not know what to do with "b"')

    def test_two_kinds_at_once(self):
        self.assertEqual(
            self.refused("Snake", "--loss", "--with-weights"),
            "--with-weights and --loss exclude one another: a layer begins as one of them")

    def test_a_switch_that_is_neither_on_nor_off(self):
        self.assertEqual(self.refused("Snake", "--loss=maybe"),
                         '--loss wants true or false, not "maybe"')

    def test_a_flag_that_there_is_not(self):
        self.assertEqual(self.refused("Snake", "--with-weight"),
                         'moka new-layer has no flag --with-weight; did you mean "--with-weights"?')


class Folders(MokaTest):
    def test_a_folder_that_is_not_empty_stays_as_it_is(self):
        kept = self.write("snake/snake.cpp", "mine")
        run = self.check(1, "new-layer", "Snake")
        self.assertEqual(run.stderr, "snake is there already, and is not empty; nothing was "
                                     "written. For another folder: moka new-layer NAME FOLDER\n")
        self.assertEqual(run.stdout, "")
        self.assertEqual([path.name for path in kept.parent.iterdir()], ["snake.cpp"])
        self.assertEqual(kept.read_text(), "mine")

    def test_a_file_is_no_folder(self):
        self.write("snake", "mine")
        self.assertEqual(self.check(1, "new-layer", "Snake").stderr,
                         "snake is there already, and is no folder; nothing was written\n")

    def test_a_link_to_nowhere_is_no_folder(self):
        (self.folder / "snake").symlink_to("nowhere")
        self.assertEqual(self.check(1, "new-layer", "Snake").stderr,
                         "snake is there already, and is no folder; nothing was written\n")

    def test_a_folder_that_cannot_be_made(self):
        self.assertEqual(self.check(1, "new-layer", "Snake", "/proc/snake/a").stderr,
                         "/proc/snake: No such file or directory\n")

    def test_half_a_project_is_removed(self):
        def want_small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

        run = self.check(1, "new-layer", "Snake", "new/snake", preexec_fn=want_small_files,
                         restore_signals=False)  # Python ignores the signal of this limit
        self.assertEqual(run.stderr, 'cannot write "new/snake/snake.cpp": File too large\n')
        self.assertEqual(self.files(), [])

    def test_half_a_project_is_removed_from_a_folder_that_was_there(self):
        def want_small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

        (self.folder / "snake").mkdir()
        self.check(1, "new-layer", "Snake", preexec_fn=want_small_files, restore_signals=False)
        self.assertEqual(list((self.folder / "snake").iterdir()), [])

    def test_the_folder_is_the_name_in_small_letters(self):
        for name, stem in [("Snake", "snake"), ("MyLayer", "my_layer"), ("GReLU", "grelu"),
                           ("TanHard", "tan_hard"), ("LSTMCell", "lstm_cell"),
                           ("SnakeV2", "snake_v2"), ("CELU2", "celu2"), ("Conv3D", "conv3d")]:
            with self.subTest(name):
                self.check(0, "new-layer", name)
                files = sorted(path.name for path in (self.folder / stem).iterdir())
                self.assertEqual(files, sorted(FILES + [f"{stem}.cpp", f"{stem}.proto",
                                                        f"{stem}_test.cpp"]))

    def test_an_empty_folder_is_filled(self):
        self.check(0, "new-layer", "Snake", ".")
        self.assertIn("snake.cpp", self.files())

    def test_folders_on_the_way_are_made(self):
        self.check(0, "new-layer", "Snake", "a/b/c/")
        self.assertTrue((self.folder / "a/b/c/snake.cpp").exists())


class Text(MokaTest):
    def made(self, *words):
        self.check(0, "new-layer", *words)
        return {path.name: path.read_text() for path in (self.folder / "snake").iterdir()}

    def test_no_mark_of_a_template_is_left(self):
        for kind in ("--elementwise", "--with-weights", "--loss"):
            for params in ("", "beta:float=1,count:int", "mode:string=@Name@"):
                folder = f"{kind}_{params}"
                self.check(0, "new-layer", "Snake", "./" + folder, kind, f"--params={params}")
                for path in (self.folder / folder).iterdir():
                    text = path.read_text()
                    self.assertNotIn("@", text.replace('"@Name@"', ""), path)
                    self.assertNotIn("\n\n\n", text, path)
                    self.assertNotRegex(text, r"[ \t]\n", path)
                    self.assertLessEqual(max(map(len, text.splitlines())), 100, path)

    def test_parameters_stand_in_the_proto_in_order(self):
        proto = self.made("Snake", "--params", "beta:float=1.50, count:int=-3,big:uint64",
                          "--params=on:bool=true,mode:string=a\"b\\")["snake.proto"]
        fields = [line.split(";")[0].strip() for line in proto.splitlines() if "optional" in line]
        self.assertEqual(fields, ["optional float beta = 1 [default = 1.5]",
                                  "optional int32 count = 2 [default = -3]",
                                  "optional uint64 big = 3",
                                  "optional bool on = 4 [default = true]",
                                  'optional string mode = 5 [default = "a\\"b\\\\"]'])

    def test_with_weights_has_fillers_before_the_parameters(self):
        proto = self.made("Snake", "--with-weights", "--params=beta:float=1")["snake.proto"]
        self.assertIn("optional moka.FillerParameter weight_filler = 1;", proto)
        self.assertIn("optional float beta = 3 [default = 1];", proto)

    def test_the_net_uses_a_value_that_it_can_learn_with(self):
        for default, used in [("1.5", "1.5"), ("0", "1"), ("1000", "1"), ("-2", "-2")]:
            files = self.made("Snake", f"--params=beta:float={default}")
            self.assertIn(f"\n  snake_param {{ beta: {used} }}\n", files["train.prototxt"])
            for path in (self.folder / "snake").iterdir():
                path.unlink()

    def test_it_prints_the_next_three_commands(self):
        run = self.check(0, "new-layer", "Snake", "it's here")
        lines = [line.strip() for line in run.stdout.splitlines()]
        self.assertIn("cmake -S 'it'\\''s here' -B 'it'\\''s here/build' "
                      "-DCMAKE_PREFIX_PATH=PREFIX", lines)
        self.assertIn("cmake --build 'it'\\''s here/build'", lines)
        self.assertRegex(run.stdout, r"/moka train '--solver=it'\\''s here/solver\.prototxt' "
                                     r"'--plugin=it'\\''s here/build/libsnake\.so'\n")
        self.assertIn("this command is not installed.\n", run.stdout)

    def test_switches_may_stand_before_the_command_and_need_no_value(self):
        for words in (("--loss", "new-layer", "Snake"), ("new-layer", "--loss", "Snake"),
                      ("new-layer", "Snake", "--loss=true", "--elementwise=false")):
            with self.subTest(words):
                self.assertTrue(self.check(0, *words).stdout.startswith("Snake is a loss."))
                for path in (self.folder / "snake").iterdir():
                    path.unlink()

    def test_dashes_and_underscores_of_flags_are_the_same(self):
        for flag in ("--with-weights", "--with_weights"):
            self.assertTrue(self.check(0, "new-layer", "Snake", flag, "./" + flag).stdout
                            .startswith("Snake is a layer with learned weights."))


if __name__ == "__main__":
    unittest.main()
