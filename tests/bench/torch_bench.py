#!/usr/bin/python3
"""Times PyTorch on a net file (Debian: apt-get install python3-torch).

    torch_bench.py NET.prototxt THREADS [--mode train|infer] [--channels-last] [--jit] [--batch N] [--budget SECONDS]

Prints one JSON line: median milliseconds of a forward pass, of forward + backward and of a whole SGD step (momentum, weight
decay), or of inference; images a second; MiB of memory: at most, before the net was made, and of the weights. What makes it a
fair figure (layouts, threads, which OpenBLAS) is up to who calls it: peers.py.
"""
import argparse
import json
import os

from peer_timing import median_ms, peak_mib


def time_training(torch, net, x, budget):
    net.train()
    y = torch.randint(0, net.classes, (x.shape[0],))
    sgd = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def forward():
        with torch.no_grad():
            net(x, y)

    def both():
        sgd.zero_grad(set_to_none=True)
        net(x, y).backward()

    def step():
        both()
        sgd.step()

    times = {name: median_ms(run, budget / 3, 3)
             for name, run in [("forward_ms", forward), ("forward_backward_ms", both), ("step_ms", step)]}
    return dict(times, ms=times["step_ms"])


def time_inference(torch, net, x, budget, jit):
    net.eval()
    with torch.no_grad():
        model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x))) if jit else net
        return {"ms": median_ms(lambda: model(x), budget, 5)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net")
    parser.add_argument("threads", type=int)
    parser.add_argument("--mode", choices=["train", "infer"], default="train")
    parser.add_argument("--budget", type=float, default=8.0)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--jit", action="store_true")
    parser.add_argument("--batch", type=int)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(args.threads)
    import torch
    import torch_net
    start_mib = peak_mib()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    net = torch_net.Net(args.net, args.batch).to(memory_format=layout)
    x = torch.randn(net.shape["data"])
    if x.dim() == 4:
        x = x.to(memory_format=layout)
    times = (time_training(torch, net, x, args.budget) if args.mode == "train"
             else time_inference(torch, net, x, args.budget, args.jit))
    weights = sum(w.numel() for w in net.parameters()) * 4 / 2**20
    print(json.dumps(dict(times, batch=x.shape[0], images_per_second=x.shape[0] / times["ms"] * 1e3, peak_mib=peak_mib(),
                          start_mib=start_mib, weights_mib=weights)), flush=True)


main()
