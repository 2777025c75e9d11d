// What Caffe's net, solver and weight files are made of: number, label, type, name and default of
// each field. Written down from Caffe, never from Moka's .proto files: where the two differ, a file
// is misread. What has a parameter message that stands in neither table is not in Moka yet.
#pragma once

#include <map>
#include <string>

namespace moka::testing {

inline const std::map<std::string, std::string> kCaffeMessages = {
    {"BlobShape", R"(
1 repeated int64 dim packed
)"},
    {"BlobProto", R"(
1 optional int32 num = 0
2 optional int32 channels = 0
3 optional int32 height = 0
4 optional int32 width = 0
5 repeated float data packed
6 repeated float diff packed
7 optional BlobShape shape
8 repeated double double_data packed
9 repeated double double_diff packed
)"},
    {"BlobProtoVector", R"(
1 repeated BlobProto blobs
)"},
    {"Datum", R"(
1 optional int32 channels
2 optional int32 height
3 optional int32 width
4 optional bytes data
5 optional int32 label
6 repeated float float_data
7 optional bool encoded = false
)"},
    {"FillerParameter", R"(
1 optional string type = "constant"
2 optional float value = 0
3 optional float min = 0
4 optional float max = 1
5 optional float mean = 0
6 optional float std = 1
7 optional int32 sparse = -1
8 optional VarianceNorm variance_norm = FAN_IN
enum VarianceNorm { FAN_IN = 0, FAN_OUT = 1, AVERAGE = 2 }
)"},
    {"NetParameter", R"(
1 optional string name
2 repeated V1LayerParameter layers
3 repeated string input
4 repeated int32 input_dim
5 optional bool force_backward = false
6 optional NetState state
7 optional bool debug_info = false
8 repeated BlobShape input_shape
100 repeated LayerParameter layer
)"},
    {"NetState", R"(
1 optional Phase phase = TEST
2 optional int32 level = 0
3 repeated string stage
)"},
    {"NetStateRule", R"(
1 optional Phase phase
2 optional int32 min_level
3 optional int32 max_level
4 repeated string stage
5 repeated string not_stage
)"},
    {"ParamSpec", R"(
1 optional string name
2 optional DimCheckMode share_mode
3 optional float lr_mult = 1
4 optional float decay_mult = 1
enum DimCheckMode { STRICT = 0, PERMISSIVE = 1 }
)"},
    // The numbers of all layers' parameters, so that none is given away.
    {"LayerParameter", R"(
1 optional string name
2 optional string type
3 repeated string bottom
4 repeated string top
5 repeated float loss_weight
6 repeated ParamSpec param
7 repeated BlobProto blobs
8 repeated NetStateRule include
9 repeated NetStateRule exclude
10 optional Phase phase
11 repeated bool propagate_down
100 optional TransformationParameter transform_param
101 optional LossParameter loss_param
102 optional AccuracyParameter accuracy_param
103 optional ArgMaxParameter argmax_param
104 optional ConcatParameter concat_param
105 optional ContrastiveLossParameter contrastive_loss_param
106 optional ConvolutionParameter convolution_param
107 optional DataParameter data_param
108 optional DropoutParameter dropout_param
109 optional DummyDataParameter dummy_data_param
110 optional EltwiseParameter eltwise_param
111 optional ExpParameter exp_param
112 optional HDF5DataParameter hdf5_data_param
113 optional HDF5OutputParameter hdf5_output_param
114 optional HingeLossParameter hinge_loss_param
115 optional ImageDataParameter image_data_param
116 optional InfogainLossParameter infogain_loss_param
117 optional InnerProductParameter inner_product_param
118 optional LRNParameter lrn_param
119 optional MemoryDataParameter memory_data_param
120 optional MVNParameter mvn_param
121 optional PoolingParameter pooling_param
122 optional PowerParameter power_param
123 optional ReLUParameter relu_param
124 optional SigmoidParameter sigmoid_param
125 optional SoftmaxParameter softmax_param
126 optional SliceParameter slice_param
127 optional TanHParameter tanh_param
128 optional ThresholdParameter threshold_param
129 optional WindowDataParameter window_data_param
130 optional PythonParameter python_param
131 optional PReLUParameter prelu_param
132 optional SPPParameter spp_param
133 optional ReshapeParameter reshape_param
134 optional LogParameter log_param
135 optional FlattenParameter flatten_param
136 optional ReductionParameter reduction_param
137 optional EmbedParameter embed_param
138 optional TileParameter tile_param
139 optional BatchNormParameter batch_norm_param
140 optional ELUParameter elu_param
141 optional BiasParameter bias_param
142 optional ScaleParameter scale_param
143 optional InputParameter input_param
144 optional CropParameter crop_param
145 optional ParameterParameter parameter_param
146 optional RecurrentParameter recurrent_param
147 optional SwishParameter swish_param
148 optional ClipParameter clip_param
)"},
    {"SolverParameter", R"(
1 optional string train_net
2 repeated string test_net
3 repeated int32 test_iter
4 optional int32 test_interval = 0
5 optional float base_lr
6 optional int32 display
7 optional int32 max_iter
8 optional string lr_policy
9 optional float gamma
10 optional float power
11 optional float momentum
12 optional float weight_decay
13 optional int32 stepsize
14 optional int32 snapshot = 0
15 optional string snapshot_prefix
16 optional bool snapshot_diff = false
17 optional SolverMode solver_mode = GPU
18 optional int32 device_id = 0
19 optional bool test_compute_loss = false
20 optional int64 random_seed = -1
21 optional NetParameter train_net_param
22 repeated NetParameter test_net_param
23 optional bool debug_info = false
24 optional string net
25 optional NetParameter net_param
26 optional NetState train_state
27 repeated NetState test_state
28 optional bool snapshot_after_train = true
29 optional string regularization_type = "L2"
30 optional SolverType solver_type = SGD
31 optional float delta = 1e-08
32 optional bool test_initialization = true
33 optional int32 average_loss = 1
34 repeated int32 stepvalue
35 optional float clip_gradients = -1
36 optional int32 iter_size = 1
37 optional SnapshotFormat snapshot_format = BINARYPROTO
38 optional float rms_decay = 0.99
39 optional float momentum2 = 0.999
40 optional string type = "SGD"
41 optional bool layer_wise_reduce = true
42 repeated string weights
enum SnapshotFormat { HDF5 = 0, BINARYPROTO = 1 }
enum SolverMode { CPU = 0, GPU = 1 }
enum SolverType { SGD = 0, NESTEROV = 1, ADAGRAD = 2, RMSPROP = 3, ADADELTA = 4, ADAM = 5 }
)"},
    {"SolverState", R"(
1 optional int32 iter
2 optional string learned_net
3 repeated BlobProto history
4 optional int32 current_step = 0
)"},
    {"Phase", R"(
enum Phase { TRAIN = 0, TEST = 1 }
)"},
};

}  // namespace moka::testing
