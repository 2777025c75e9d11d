#!/usr/bin/env python3
"""Makes the HDF5 files beside it, laid out as Caffe lays them out; needs h5py.

    float.caffemodel.h5, double.caffemodel.h5     Caffe's weights, in the two types it is built for
    float.solverstate.h5                          its state of training
    packed.caffemodel.h5                          the same weights in chunks, packed and big-endian
    soft.h5, external.h5, raw.h5, virtual.h5, cycle.h5, ...  what is refused, one reason each
"""
import pathlib

import h5py
import numpy as np

FOLDER = pathlib.Path(__file__).parent


def make(name, **options):
    return h5py.File(FOLDER / name, "w", **options)


def fill_weights(file, kind, with_diff, **options):
    data = file.create_group("data")
    weights = np.arange(6, dtype=kind).reshape(2, 3) / 4 - 1
    for name in ("data", "ip1", "relu1", "ip2"):
        data.create_group(name)
    data["ip1"].create_dataset("0", data=weights, **options)
    data["ip1"].create_dataset("1", data=np.array([0.1, -0.2], kind), **options)
    data["ip2"].create_dataset("1", data=np.array([0.5, 0.25], kind), **options)  # 0 is ip1's
    if with_diff:
        for name in ("data", "ip1", "relu1", "ip2"):
            file.create_group("diff/" + name)
        for layer in ("ip1", "ip2"):
            file["diff"][layer].create_dataset("0", data=weights * 2)
            file["diff"][layer].create_dataset("1", data=np.array([3, 4], kind))


def fill_state(file):
    file.create_dataset("iter", data=np.array([500], np.int32))
    file.create_dataset("learned_net", data=np.bytes_(b"lenet_iter_500.caffemodel.h5\0"))
    file.create_dataset("current_step", data=np.array([2], np.int32))
    history = file.create_group("history")
    history.create_dataset("0", data=np.arange(6, dtype=np.float32).reshape(2, 3))
    history.create_dataset("1", data=np.array([7, 8], np.float32))


def one_blob(name, add):
    """A file whose only blob, /data/ip/0, is what `add` makes of it."""
    with make(name) as file:
        add(file.create_group("data/ip"), file)


def virtual(group, file):
    layout = h5py.VirtualLayout((2,), np.float32)
    layout[:] = h5py.VirtualSource("float.caffemodel.h5", "data/ip1/1", (2,))
    group.create_virtual_dataset("0", layout)


def huge(group, file):
    space = h5py.h5s.create_simple((2**40, 2**40))
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk((64, 64))
    h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, create)


REFUSED = {
    "soft.h5": lambda group, file: group.__setitem__("0", h5py.SoftLink("/elsewhere")),
    "external.h5": lambda group, file: group.__setitem__(
        "0", h5py.ExternalLink("float.caffemodel.h5", "/data/ip1/0")),
    "raw.h5": lambda group, file: group.create_dataset(
        "0", (2,), np.float32, external=[("/etc/passwd", 0, 8)]),
    "virtual.h5": virtual,
    "cycle.h5": lambda group, file: group.__setitem__("0", file["data"]),
    "strings.h5": lambda group, file: group.create_dataset("0", data=np.bytes_(b"text")),
    "integers.h5": lambda group, file: group.create_dataset("0", data=np.array([1, 2], np.int32)),
    "half.h5": lambda group, file: group.create_dataset("0", data=np.array([1, 2], np.float16)),
    "named.h5": lambda group, file: group.create_dataset("kernel", data=np.float32(1)),
    "lzf.h5": lambda group, file: group.create_dataset(
        "0", data=np.zeros(4, np.float32), compression="lzf"),
    "huge.h5": huge,
    "nothing.h5": lambda group, file: group.create_dataset("0", data=h5py.Empty("f4")),
    "unwritten.h5": lambda group, file: group.create_dataset("0", (2,), np.float32),
    "many_axes.h5": lambda group, file: group.create_dataset("0", data=np.ones((1,) * 9, "f4")),
    "far_index.h5": lambda group, file: group.create_dataset("4000000000", data=np.float32(1)),
}


def main():
    with make("float.caffemodel.h5") as file:
        fill_weights(file, np.float32, True)
    with make("double.caffemodel.h5") as file:
        fill_weights(file, np.float64, False)
    with make("packed.caffemodel.h5", libver="latest") as file:
        fill_weights(file, ">f4", False, compression="gzip", shuffle=True, fletcher32=True)
    with make("float.solverstate.h5") as file:
        fill_state(file)
    with make("other.h5") as file:
        file.create_group("model_weights")
    for name, add in REFUSED.items():
        one_blob(name, add)


if __name__ == "__main__":
    main()
