"""Writes one case of tests/layers/reference: see README.md there."""
import pathlib
import shutil

import numpy as np


def _array(value):
    """A float32 array of NumPy from one of NumPy or PyTorch."""
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    return np.asarray(value, dtype="<f4", order="C")


def save(name, layer, bottoms, tops, params=(), top_diffs=(), bottom_diffs=(), param_diffs=(),
         phase=None, tolerance=None, reason=None, root=None):
    """name: "TYPE-case"; layer: what stands inside layer { }. None among the arrays: not there."""
    folder = pathlib.Path(root or pathlib.Path(__file__).parent) / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    head = ""
    if phase:
        head += f"# phase: {phase}\n"
    if tolerance:
        head += f"# tolerance: {tolerance} ({reason})\n"
    (folder / "layer.prototxt").write_text(head + layer.strip() + "\n")
    groups = {"bottom": bottoms, "param": params, "top": tops, "top_diff": top_diffs,
              "bottom_diff": bottom_diffs, "param_diff": param_diffs}
    for stem, arrays in groups.items():
        for i, array in enumerate(arrays):
            if array is not None:
                with open(folder / f"{stem}_{i}.npy", "wb") as file:
                    np.lib.format.write_array(file, _array(array), version=(1, 0))
