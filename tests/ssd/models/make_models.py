#!/usr/bin/env python3
"""What OpenCV computes for public models that lie in ../shared: inputs as small pictures, outputs as .npy.

usage: make_models.py SHARED/data     (python3-opencv)
"""
import pathlib
import re
import sys

import cv2
import numpy as np

HERE = pathlib.Path(__file__).parent
DATA = pathlib.Path(sys.argv[1])
MODELS = DATA / "models"


def write(name, array):
    with open(HERE / f"{name}.npy", "wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array, "<f4"), version=(1, 0))


def planes(picture, times):
    """(1, channels, height, width): each pixel `times` by `times`."""
    picture = np.atleast_3d(picture).astype(np.float32)
    return picture.repeat(times, 0).repeat(times, 1).transpose(2, 0, 1)[None].copy()


def run(folder, stem, blob, output=None):
    # OpenCV's grammar has no visualize and no visualize_threshold.
    text = re.sub(r"\bvisualize\w*:.*", "", (MODELS / folder / f"{stem}.prototxt").read_text())
    weights = np.fromfile(MODELS / folder / f"{stem}.caffemodel", np.uint8)
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8), weights)
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setInput(blob)
    return net.forward(output) if output else net.forward()


def detections(rows):
    """Without the rows of 0 that OpenCV fills up with; by sample, class and score, as Caffe has them."""
    rows = [row for row in rows.reshape(-1, 7).tolist() if row[2] > 0]
    return np.array(sorted(rows, key=lambda row: (row[0], row[1], -row[2]))).reshape(1, 1, -1, 7)


def main():
    astronaut = cv2.imread(str(DATA / "images" / "astronaut.png"))
    photo = cv2.resize(astronaut[:384], (160, 120), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(HERE / "photo.ppm"), photo)
    code = cv2.QRCodeEncoder_create().encode("Moka")
    code = cv2.copyMakeBorder(code, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=255)
    sheet = np.full((96, 96), 160, np.uint8)
    sheet[:len(code) * 2, :len(code) * 2] = code.repeat(2, 0).repeat(2, 1)
    sheet = np.roll(sheet, (12, 20), (0, 1))
    cv2.imwrite(str(HERE / "code.pgm"), sheet)

    faces = run("libfacedetection", "yufacedetectnet-open-v1", planes(photo, 2))
    write("faces", detections(faces))
    grey = planes(sheet, 4) / 255
    write("codes", detections(run("wechat_qrcode", "detect", grey)))
    write("super_resolution", run("wechat_qrcode", "sr", grey[:, :, 64:288, 64:288].copy()).reshape(-1)[::41])
    # MTCNN: what a face's part of the photo gives, in the sizes that the nets want.
    patch = (planes(photo, 1)[:, :, 20:68, 44:92] - 127.5) / 128
    for stem, step, outputs in (("det1", 4, ("conv4-2", "prob1")), ("det2", 2, ("conv5-2", "prob1")),
                                ("det3", 1, ("conv6-2", "conv6-3", "prob1"))):
        for output in outputs:
            write(f"{stem}_{output}", run("mtcnn", stem, patch[:, :, ::step, ::step].copy(), output))
    parts = [patch[:, :, y:y + 24, x:x + 24] for y, x in ((0, 0), (0, 24), (12, 12), (24, 0), (24, 24))]
    for k in range(1, 6):
        write(f"det4_fc5_{k}", run("mtcnn", "det4", np.concatenate(parts, 1), f"fc5_{k}"))


main()
