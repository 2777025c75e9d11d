#!/usr/bin/python3
"""Times OpenCV's DNN module on a net file (Debian: apt-get install python3-opencv).

    opencv_bench.py NET_deploy.prototxt WEIGHTS.caffemodel THREADS --shape=SHAPE [--budget SECONDS]

torch_net.py writes the weights. Prints one JSON line as torch_bench.py does; status 1 if OpenCV cannot run the net.
"""
import argparse
import json

import cv2
import numpy as np

from peer_timing import median_ms, peak_mib


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net")
    parser.add_argument("weights")
    parser.add_argument("threads", type=int)
    parser.add_argument("--shape", required=True, help="of the input, such as 8x3x224x224")
    parser.add_argument("--budget", type=float, default=8.0)
    args = parser.parse_args()
    cv2.setNumThreads(args.threads)
    start_mib = peak_mib()
    x = np.random.default_rng(0).standard_normal([int(size) for size in args.shape.split("x")], dtype=np.float32)
    try:
        net = cv2.dnn.readNetFromCaffe(args.net, args.weights)

        def run():
            net.setInput(x)
            net.forward()

        ms = median_ms(run, args.budget, 5)
    except cv2.error as error:
        raise SystemExit(f"OpenCV {cv2.__version__}: {' '.join(str(error).split())[:200]}")
    print(json.dumps({"ms": ms, "batch": x.shape[0], "images_per_second": x.shape[0] / ms * 1e3, "peak_mib": peak_mib(),
                      "start_mib": start_mib}))


main()
