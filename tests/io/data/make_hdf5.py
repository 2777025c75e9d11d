#!/usr/bin/env python3
"""Makes the HDF5 files beside it, laid out as Caffe lays them out; needs h5py.

    float.caffemodel.h5, double.caffemodel.h5     Caffe's weights, in the two types it is built for
    float.solverstate.h5                          its state of training
    big_float.caffemodel.h5, big_double.caffemodel.h5  the same weights, big-endian
    packed.caffemodel.h5                          the same in chunks, and packed
    soft.h5, external.h5, raw.h5, virtual.h5, ...  weights that are refused, one reason each
    changed.solverstate.h5, gap.solverstate.h5, ...  states that are refused
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


def patch(name, old, new):
    """Another number of 8 bytes wherever the file has `old`."""
    path = FOLDER / name
    whole = path.read_bytes()
    old, new = (number.to_bytes(8, "little") for number in (old, new))
    assert old in whole
    path.write_bytes(whole.replace(old, new))


def change(file, name, value):
    del file[name]
    if value is not None:
        file.create_dataset(name, data=value)


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
    "zeros.h5": lambda group, file: group.create_dataset("00", data=np.float32(1)),
    "lzf.h5": lambda group, file: group.create_dataset(
        "0", data=np.zeros(4, np.float32), compression="lzf"),
    "huge.h5": huge,
    "nothing.h5": lambda group, file: group.create_dataset("0", data=h5py.Empty("f4")),
    "unwritten.h5": lambda group, file: group.create_dataset("0", (2,), np.float32),
    "many_axes.h5": lambda group, file: group.create_dataset("0", data=np.ones((1,) * 9, "f4")),
    "chunk.h5": lambda group, file: group.create_dataset(
        "0", data=np.zeros(2, np.float32), chunks=(2**20,), maxshape=(None,), compression="gzip"),
    "far_index.h5": lambda group, file: group.create_dataset("4000000000", data=np.float32(1)),
}

REFUSED_STATES = {
    "changed.solverstate.h5": lambda file: file.create_dataset(
        "moka_state", data=np.frombuffer(b"\x08\xf5\x03", np.uint8)),  # iter 501
    "garbled.solverstate.h5": lambda file: file.create_dataset(
        "moka_state", data=np.frombuffer(b"\xff\xff", np.uint8)),
    "gap.solverstate.h5": lambda file: change(file, "history/0", None),
    "negative.solverstate.h5": lambda file: change(file, "iter", np.int32(-1)),
    "fraction.solverstate.h5": lambda file: change(file, "iter", np.float32(1.5)),
    "two.solverstate.h5": lambda file: change(file, "iter", np.array([1, 2], np.int32)),
    "any_length.solverstate.h5": lambda file: change(file, "learned_net", "a.caffemodel.h5"),
}


def main():
    with make("float.caffemodel.h5") as file:
        fill_weights(file, np.float32, True)
    with make("double.caffemodel.h5") as file:
        fill_weights(file, np.float64, False)
    for name, kind in (("big_float", ">f4"), ("big_double", ">f8")):
        with make(name + ".caffemodel.h5") as file:
            fill_weights(file, kind, False)
    with make("packed.caffemodel.h5", libver="latest") as file:
        fill_weights(file, ">f4", False, compression="gzip", shuffle=True, fletcher32=True)
    with make("float.solverstate.h5") as file:
        fill_state(file)
    with make("other.h5") as file:
        file.create_group("model_weights")
    for name, add in REFUSED.items():
        one_blob(name, add)
    with make("beyond.h5") as file:
        offset = file.create_dataset("data/ip/0", data=np.ones(2, np.float32)).id.get_offset()
    patch("beyond.h5", offset, 10**9)
    with make("large.h5") as file:
        file.create_dataset("data/ip/0", data=np.ones((77, 2), np.float32))
    patch("large.h5", 77, 10**12)
    for name, spoil in REFUSED_STATES.items():
        with make(name) as file:
            fill_state(file)
            spoil(file)


if __name__ == "__main__":
    main()
