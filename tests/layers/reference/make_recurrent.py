"""LSTM, RNN, GRU and LSTMUnit by PyTorch. Sequences of other lengths than T are made by cutting each
stream where cont is 0 and running the function of torch.nn's layer over each piece."""
import torch

from reference import save

H = 3


def draw(*shape):
    return (torch.rand(*shape) * 2 - 1).requires_grad_()


def pieces(cont):
    """For each stream: (begin, end) of each piece, and whether it goes on from the initial state."""
    steps, streams = cont.shape
    for n in range(streams):
        cuts = [t for t in range(steps) if t == 0 or cont[t, n] == 0] + [steps]
        for begin, end in zip(cuts, cuts[1:]):
            yield n, begin, end, cont[begin, n] != 0


def call(kind, x, states, weights):
    """What torch.nn.LSTM, RNN and GRU call: outputs, and a list of final states."""
    function = {"LSTM": torch.lstm, "RNN": torch.rnn_tanh, "GRU": torch.gru}[kind]
    given = states if kind == "LSTM" else states[0]
    out, *left = function(x, given, weights, True, 1, 0.0, False, False, False)
    return out, left


def run(kind, weights, x, cont, states):
    """Outputs (T, N, H) and final states [(1, N, H)]; weights: ih, hh and their biases."""
    steps, streams = cont.shape
    y = [[None] * streams for _ in range(steps)]
    final = [[None] * streams for _ in states]
    for n, begin, end, goes_on in pieces(cont):
        first = [s[:, n:n + 1] * (1 if goes_on else 0) for s in states]
        out, left = call(kind, x[begin:end, n:n + 1], first, weights)
        for t in range(begin, end):
            y[t][n] = out[t - begin, 0]
        for j, state in enumerate(left):
            final[j][n] = state[0, 0]
    return (torch.stack([torch.stack(row) for row in y]),
            [torch.stack(row).unsqueeze(0) for row in final])


def caffe_gates(w):
    """PyTorch's rows i, f, g, o from Caffe's i, f, o, g."""
    i, f, o, g = w.chunk(4)
    return torch.cat([i, f, g, o])


def make(name, kind, cont, inputs, static=None, exposed=False):
    cont = torch.tensor(cont, dtype=torch.float)
    steps, streams = cont.shape
    gates, count = {"LSTM": (4, 2), "RNN": (1, 1), "GRU": (3, 1)}[kind]
    x = draw(steps, streams, inputs)
    s = draw(streams, static) if static else None
    states = [draw(1, streams, H) if exposed else torch.zeros(1, streams, H) for _ in range(count)]
    w_x, b_x, w_h = draw(gates * H, inputs), draw(gates * H), draw(gates * H, H)
    w_s = draw(gates * H, static) if static else None
    b_h = draw(gates * H) if kind == "GRU" else torch.zeros(gates * H)
    w_o, b_o = draw(H, H), draw(H)

    order = caffe_gates if kind == "LSTM" else lambda w: w
    w_all = torch.cat([w_x, w_s], 1) if static else w_x
    x_all = torch.cat([x, s.expand(steps, -1, -1)], 2) if static else x
    y, final = run(kind, [order(w_all), order(w_h), order(b_x), b_h], x_all, cont, states)
    params = [w_x, b_x] + ([w_s] if static else []) + [w_h]
    if kind == "RNN":
        y = torch.tanh(torch.nn.functional.linear(y, w_o, b_o))
        params += [w_o, b_o]
    if kind == "GRU":
        params += [b_h]

    tops = [y] + (final if exposed else [])
    diffs = [torch.rand_like(top) * 2 - 1 for top in tops]
    bottoms = [x, cont] + ([s] if static else []) + (states if exposed else [])
    wanted = [b for b in bottoms if b.requires_grad]
    found = torch.autograd.grad(tops, wanted + params, diffs)
    at = {id(tensor): diff for tensor, diff in zip(wanted, found)}
    names = "".join(f' bottom: "b{i}"' for i in range(len(bottoms)))
    names += "".join(f' top: "t{i}"' for i in range(len(tops)))
    expose = " expose_hidden: true" if exposed else ""
    save(name, f'type: "{kind}"{names} recurrent_param {{ num_output: {H}{expose} }}',
         bottoms=bottoms, params=params, tops=tops, top_diffs=diffs,
         bottom_diffs=[at.get(id(b)) for b in bottoms], param_diffs=found[len(wanted):])


def make_unit():
    """One step of an LSTM whose hidden weights are 0, so that its sums are its inputs."""
    streams = 4
    c0, u = draw(1, streams, H), draw(1, streams, 4 * H)
    cont = torch.tensor([[1.0, 0.0, 1.0, 1.0]])
    weights = [caffe_gates(torch.eye(4 * H)), torch.zeros(4 * H, H)] + [torch.zeros(4 * H)] * 2
    first = [torch.zeros(1, streams, H), c0 * cont[..., None]]
    h, (_, c) = call("LSTM", u, first, weights)
    diffs = [torch.rand_like(c) * 2 - 1, torch.rand_like(h) * 2 - 1]
    found = torch.autograd.grad([c, h], [c0, u], diffs)
    save("LSTMUnit-step", 'type: "LSTMUnit"', bottoms=[c0, u, cont], tops=[c, h], top_diffs=diffs,
         bottom_diffs=list(found) + [None])


torch.manual_seed(1997)
ONE = [[0, 0]]
LONG = [[0, 0]] + [[1, 1]] * 4
CUT = [[0, 0, 0], [1, 0, 1], [1, 1, 0], [0, 1, 0], [1, 1, 1]]
GOES_ON = [[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1]]
for kind in ["LSTM", "RNN", "GRU"]:
    make(kind + "-one_step", kind, ONE, 4)
    make(kind + "-long", kind, LONG, 3)
    make(kind + "-cut", kind, CUT, 4)
    make(kind + "-static", kind, CUT, 2, static=3)
    make(kind + "-exposed", kind, GOES_ON, 3, exposed=True)
    make(kind + "-all", kind, GOES_ON, 2, static=2, exposed=True)
make_unit()
