"""include_rules.py finds each kind of breach, and none where there is none."""
import pathlib
import tempfile
import unittest

import include_rules

# File, line, and the reason that is given; None: no breach.
TABLE = [
    ("src/core/a.cpp", '#include "moka/shape.h"', None),
    ("src/core/a.cpp", '#include "layer/b.h"', "src/core comes before src/layer"),
    ("src/io/a.cpp", '#include "core/b.h"', None),
    ("src/io/a.cpp", '#include "math/b.h"', "src/io comes before src/math"),
    ("src/net/a.cpp", '#include "io/b.h"', None),
    ("src/net/a.cpp", '#  include "solver/b.h"', "src/net comes before src/solver"),
    ("src/net/a.cpp", "#include <solver/b.h>", "src/net comes before src/solver"),
    ("src/check/a.cpp", '#include "solver/b.h"', None),
    ("src/net/a.cpp", '#include "b.h"', "src/ names its headers from src/ on"),
    ("src/net/a.cpp", '#include "../core/b.h"', "src/ names its headers from src/ on"),
    ("src/net/a.cpp", '#include "layers/relu.h"', "src/ includes src/ and include/moka only"),
    ("src/new/a.cpp", '#include "core/b.h"', "src/new has no place in the order"),
    ("src/core/a.cpp", "#include <cblas.h>", "BLAS is for src/math/blas.cpp"),
    ("src/math/blas.cpp", "#include <cblas.h>", None),
    ("src/io/a.cpp", "#include <hdf5.h>", "HDF5 is for src/io/hdf5_file.h"),
    ("src/io/hdf5_file.h", "#include <hdf5.h>", None),
    ("src/core/a.cpp", "#include <glog/logging.h>", "glog and gflags are for tools/"),
    ("src/core/a.h", "#include <fmt/format.h>", "fmt is for .cpp files"),
    ("src/core/a.cpp", "#include <fmt/format.h>", None),
    ("include/moka/a.h", "#include <vector>", None),
    ("include/moka/a.h", '#include "core/b.h"', "a public header includes public headers only"),
    ("include/moka/a.h", '#include "moka/../core/b.h"', "no way out of a folder"),
    ("layers/math/a.cpp", '#include "neighbour.h"', None),
    ("layers/math/a.cpp", '#include "elsewhere.h"', "layers/ sees include/ only"),
    ("layers/math/a.cpp", '#include "sum.pb.h"', None),
    ("layers/loss/a.cpp", '#include "../math/neighbour.h"', None),
    ("layers/loss/a.cpp", '#include "../math/elsewhere.h"', "layers/ sees include/ only"),
    ("layers/loss/a.cpp", '#include "../../src/core/b.h"', "no way out of a folder"),
    ("layers/math/a.cpp", '#include "core/b.h"', "layers/ sees include/ only"),
    ("tools/a.cpp", "#include <glog/logging.h>", None),
    ("tools/a.cpp", '#include "net/b.h"', "tools/ sees include/ only"),
    ("tools/templates/kind/a.cpp", '#include "own.pb.h"', None),
]


class IncludeRules(unittest.TestCase):
    def test_each_of_the_table(self):
        for path, line, reason in TABLE:
            with self.subTest(f"{path}: {line}"), tempfile.TemporaryDirectory() as folder:
                root = pathlib.Path(folder)
                (root / "layers/math").mkdir(parents=True)
                (root / "layers/math/neighbour.h").touch()
                (root / "layers/math/sum.proto").touch()
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(f"// A file.\n{line}\n")
                found, _ = include_rules.breaches(root)
                if reason is None:
                    self.assertEqual(found, [])
                else:
                    self.assertEqual(len(found), 1)
                    self.assertIn(f"{path}:2: {line}: {reason}", found[0])


if __name__ == "__main__":
    unittest.main()
