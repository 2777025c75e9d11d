#!/usr/bin/env python3
"""Makes models/data/mnist_sample from the full MNIST set: the first 8,000 training digits and every
fifth test digit.

usage: make_mnist_sample.py FOLDER_OF_THE_FULL_SET [FOLDER_OF_THE_SAMPLE]

The test set's first half is easier than its second: hence every fifth. The files are the same, byte
for byte, whenever and wherever they are made with one version of zlib; the unpacked bytes always are.
"""
import gzip
import os
import struct
import sys

TRAIN, TEST_STEP = 8000, 5


def read_idx(path):
    """The sizes of all axes and the bytes of each item."""
    with gzip.open(path) as file:
        data = file.read()
    axes = data[3]
    sizes = struct.unpack(">%dI" % axes, data[4:4 + 4 * axes])
    body = data[4 + 4 * axes:]
    item = len(body) // sizes[0]
    return sizes, [body[i * item:(i + 1) * item] for i in range(sizes[0])]


def write_idx(path, sizes, items):
    header = struct.pack(">4B%dI" % len(sizes), 0, 0, 8, len(sizes), len(items), *sizes[1:])
    with open(path, "wb") as raw:
        # No name and no time in the header, so that the same digits give the same file.
        with gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
            file.write(header + b"".join(items))


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__.strip())
    full = sys.argv[1]
    sample = sys.argv[2] if len(sys.argv) == 3 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "..", "models", "data", "mnist_sample")
    os.makedirs(sample, exist_ok=True)
    chosen = {"train": slice(0, TRAIN), "t10k": slice(0, None, TEST_STEP)}
    for part, which in chosen.items():
        for kind in ("images-idx3", "labels-idx1"):
            name = "%s-%s-ubyte.gz" % (part, kind)
            sizes, items = read_idx(os.path.join(full, name))
            write_idx(os.path.join(sample, name), sizes, items[which])


if __name__ == "__main__":
    main()
