"""moka lr shows how the learning rate moves, as a table and as a plot."""
import unittest

from moka import MokaTest

STEPS = """\
base_lr: 0.1
lr_policy: "multistep"
gamma: 0.1
stepvalue: 1000
stepvalue: 1500
max_iter: 2000
warmup_iter: 150
"""

# Iterations 0 to 1999, a column for every 33 of them, a row for every 12th of 0.1.
TABLE = """\
solver.prototxt: lr_policy "multistep"

 iteration            lr
         0             0
       150           0.1
       200           0.1
       400           0.1
       600           0.1
       800           0.1
      1000          0.01  jumps from 0.1
      1200          0.01
      1400          0.01
      1500         0.001  jumps from 0.01
      1600         0.001
      1800         0.001
      1999         0.001
"""
PLOT = """\

highest 0.1 at iteration 150
      0.1 |    ##########################
          |    ##########################
          |    ##########################
          |   ###########################
          |   ###########################
          |  ############################
          |  ############################
          |  ############################
          | #############################
          | #############################
          | #############################
          |#############################################
        0 +------------------------------------------------------------
           0                                                       1999
"""


class LearningRates(MokaTest):
    def shown(self, solver, *words):
        self.write("solver.prototxt", solver)
        run = self.check(0, "lr", "solver.prototxt", *words)
        self.assertEqual(run.stderr, "")
        for line in run.stdout.split("\n\n")[-1].splitlines():
            self.assertLessEqual(len(line), 72)
        return run.stdout

    def refused(self, solver, *words, status=1):
        self.write("solver.prototxt", solver)
        run = self.check(status, "lr", "solver.prototxt", *words)
        self.assertEqual(run.stdout, "")
        return run.stderr

    def rows(self, text):
        """The table as a list of lines without its head."""
        return text.split("\n\n")[-2].splitlines()[1:]

    def test_table_and_plot(self):
        self.assertEqual(self.shown(STEPS), TABLE + PLOT)

    def test_iterations_may_be_fewer_or_more_than_max_iter(self):
        self.assertEqual(self.rows(self.shown(STEPS, "--iterations=3")),
                         ["         0             0",
                          "         1   0.000666667",
                          "         2    0.00133333"])
        self.assertEqual(self.rows(self.shown(STEPS, "--iterations=1")),
                         ["         0             0"])
        self.assertEqual(self.rows(self.shown(STEPS, "--iterations=50"))[-1],
                         "        49     0.0326667")  # 50 is what other commands take by default
        self.assertEqual(self.rows(self.shown(STEPS, "--iterations=20001"))[-1],
                         "     20000         0.001")

    def test_many_jumps_are_counted(self):
        text = self.shown('base_lr: 0.5 lr_policy: "step" gamma: 0.97 stepsize: 10 max_iter: 1000')
        self.assertEqual(len(self.rows(text)), 12)
        self.assertIn("       999     0.0245117\n"
                      "It jumps 99 times, first at iteration 10 from 0.5 to 0.485.\n", text)
        text = self.shown('base_lr: 0.5 lr_policy: "step" gamma: 0.5 stepsize: 7 max_iter: 115')
        self.assertEqual(sum("jumps" in row for row in self.rows(text)), 16)
        self.assertLessEqual(len(self.rows(text)), 24)

    def test_what_changes_with_each_iteration_does_not_jump(self):
        for gamma in (0.999, 0.5, 0.3):
            self.assertNotIn("jumps", self.shown(
                f'base_lr: 0.5 lr_policy: "exp" gamma: {gamma} max_iter: 12'))
        for policy in ("cosine", "one_cycle", "fixed"):
            self.assertNotIn("jumps", self.shown(
                f'base_lr: 0.5 lr_policy: "{policy}" max_iter: 100'))
        # So slowly that a float changes now and then only.
        self.assertNotIn("jump", self.shown('base_lr: 0.5 lr_policy: "cosine" max_iter: 100000'))

    def test_jumps_at_both_ends(self):
        text = self.shown('base_lr: 0.5 lr_policy: "multistep" gamma: 0.5 stepvalue: 1 '
                          'stepvalue: 99 max_iter: 100')
        self.assertIn("\n         1          0.25  jumps from 0.5\n", text)
        self.assertIn("\n        99         0.125  jumps from 0.25\n", text)

    def test_plateau_depends_on_the_loss(self):
        text = self.shown('base_lr: 0.1 lr_policy: "plateau" gamma: 0.5 plateau_winsize: 30 '
                          "plateau_winsize: 20 max_iter: 100")
        self.assertIn(
            "plateau depends on the loss. These are the rates for a loss that never changes;\n"
            "one that falls gives others.\n\n", text)
        self.assertIn("\n        30          0.05  jumps from 0.1\n", text)
        self.assertIn("\n        50         0.025  jumps from 0.05\n", text)

    def test_a_rate_of_0_is_shown_too(self):
        text = self.shown('base_lr: 0 lr_policy: "fixed" max_iter: 1')
        self.assertIn("\nhighest 0 at iteration 0\n        0 |\n", text)
        self.assertNotIn("#", text)

    def test_errors_have_their_place(self):
        self.assertEqual(self.refused(STEPS.replace("multistep", "multi_step")),
                         'solver.prototxt:2:1: unknown lr_policy "multi_step"; '
                         'did you mean "multistep"?\n')
        self.assertEqual(self.refused(STEPS.replace("gamma: 0.1\n", "")),
                         'solver.prototxt:2:1: lr_policy "multistep" needs gamma, '
                         "which is missing\n")
        self.assertEqual(self.refused(STEPS.replace("base_lr: 0.1\n", "")),
                         "solver.prototxt: base_lr is missing\n")
        self.assertEqual(self.refused(STEPS.replace("150", "-1")),
                         "solver.prototxt:7:1: warmup_iter -1 must be at least 0\n")

    def test_it_must_know_how_many_iterations(self):
        hint = "; --iterations=N says how many iterations to show\n"
        self.assertEqual(self.refused(STEPS.replace("max_iter: 2000\n", "")),
                         "solver.prototxt: max_iter is missing" + hint)
        self.assertEqual(self.refused(STEPS.replace("max_iter: 2000", "max_iter: 0")),
                         "solver.prototxt:6:1: max_iter 0 must be at least 1" + hint)
        self.assertEqual(self.refused(STEPS, "--iterations=0", status=2),
                         "moka: --iterations must be at least 1, not 0\n"
                         "`moka help lr` lists its flags.\n")


if __name__ == "__main__":
    unittest.main()
