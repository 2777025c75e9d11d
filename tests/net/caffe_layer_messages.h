// The parameter messages of the layers that Caffe has too, as they are in Caffe; see
// caffe_messages.h. One difference is meant: Clip's min and max are required there, which makes
// every net unreadable in which another fork uses the number for something else.
#pragma once

#include <map>
#include <string>

namespace moka::testing {

inline const std::map<std::string, std::string> kCaffeLayerMessages = {
    {"AccuracyParameter", R"(
1 optional uint32 top_k = 1
2 optional int32 axis = 1
3 optional int32 ignore_label
)"},
    {"ArgMaxParameter", R"(
1 optional bool out_max_val = false
2 optional uint32 top_k = 1
3 optional int32 axis
)"},
    {"BatchNormParameter", R"(
1 optional bool use_global_stats
2 optional float moving_average_fraction = 0.999
3 optional float eps = 1e-05
)"},
    {"BiasParameter", R"(
1 optional int32 axis = 1
2 optional int32 num_axes = 1
3 optional FillerParameter filler
)"},
    {"ClipParameter", R"(
1 optional float min
2 optional float max
)"},
    {"ConcatParameter", R"(
1 optional uint32 concat_dim = 1
2 optional int32 axis = 1
)"},
    {"ContrastiveLossParameter", R"(
1 optional float margin = 1
2 optional bool legacy_version = false
)"},
    {"ConvolutionParameter", R"(
1 optional uint32 num_output
2 optional bool bias_term = true
3 repeated uint32 pad
4 repeated uint32 kernel_size
5 optional uint32 group = 1
6 repeated uint32 stride
7 optional FillerParameter weight_filler
8 optional FillerParameter bias_filler
9 optional uint32 pad_h = 0
10 optional uint32 pad_w = 0
11 optional uint32 kernel_h
12 optional uint32 kernel_w
13 optional uint32 stride_h
14 optional uint32 stride_w
15 optional Engine engine = DEFAULT
16 optional int32 axis = 1
17 optional bool force_nd_im2col = false
18 repeated uint32 dilation
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"CropParameter", R"(
1 optional int32 axis = 2
2 repeated uint32 offset
)"},
    // In Caffe source is optional. One file or several: the same on the wire.
    {"DataParameter", R"(
1 repeated string source
2 optional float scale = 1
3 optional string mean_file
4 optional uint32 batch_size
5 optional uint32 crop_size = 0
6 optional bool mirror = false
7 optional uint32 rand_skip = 0
8 optional DB backend = LEVELDB
9 optional bool force_encoded_color = false
10 optional uint32 prefetch = 4
enum DB { LEVELDB = 0, LMDB = 1 }
)"},
    {"DropoutParameter", R"(
1 optional float dropout_ratio = 0.5
)"},
    {"DummyDataParameter", R"(
1 repeated FillerParameter data_filler
2 repeated uint32 num
3 repeated uint32 channels
4 repeated uint32 height
5 repeated uint32 width
6 repeated BlobShape shape
)"},
    {"EltwiseParameter", R"(
1 optional EltwiseOp operation = SUM
2 repeated float coeff
3 optional bool stable_prod_grad = true
enum EltwiseOp { PROD = 0, SUM = 1, MAX = 2 }
)"},
    {"ELUParameter", R"(
1 optional float alpha = 1
)"},
    {"EmbedParameter", R"(
1 optional uint32 num_output
2 optional uint32 input_dim
3 optional bool bias_term = true
4 optional FillerParameter weight_filler
5 optional FillerParameter bias_filler
)"},
    {"ExpParameter", R"(
1 optional float base = -1
2 optional float scale = 1
3 optional float shift = 0
)"},
    {"FlattenParameter", R"(
1 optional int32 axis = 1
2 optional int32 end_axis = -1
)"},
    {"HingeLossParameter", R"(
1 optional Norm norm = L1
enum Norm { L1 = 1, L2 = 2 }
)"},
    {"InfogainLossParameter", R"(
1 optional string source
2 optional int32 axis = 1
)"},
    {"InnerProductParameter", R"(
1 optional uint32 num_output
2 optional bool bias_term = true
3 optional FillerParameter weight_filler
4 optional FillerParameter bias_filler
5 optional int32 axis = 1
6 optional bool transpose = false
)"},
    {"InputParameter", R"(
1 repeated BlobShape shape
)"},
    {"LogParameter", R"(
1 optional float base = -1
2 optional float scale = 1
3 optional float shift = 0
)"},
    {"LossParameter", R"(
1 optional int32 ignore_label
2 optional bool normalize
3 optional NormalizationMode normalization = VALID
enum NormalizationMode { FULL = 0, VALID = 1, BATCH_SIZE = 2, NONE = 3 }
)"},
    {"LRNParameter", R"(
1 optional uint32 local_size = 5
2 optional float alpha = 1
3 optional float beta = 0.75
4 optional NormRegion norm_region = ACROSS_CHANNELS
5 optional float k = 1
6 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
enum NormRegion { ACROSS_CHANNELS = 0, WITHIN_CHANNEL = 1 }
)"},
    {"MVNParameter", R"(
1 optional bool normalize_variance = true
2 optional bool across_channels = false
3 optional float eps = 1e-09
)"},
    {"ParameterParameter", R"(
1 optional BlobShape shape
)"},
    {"PoolingParameter", R"(
1 optional PoolMethod pool = MAX
2 optional uint32 kernel_size
3 optional uint32 stride = 1
4 optional uint32 pad = 0
5 optional uint32 kernel_h
6 optional uint32 kernel_w
7 optional uint32 stride_h
8 optional uint32 stride_w
9 optional uint32 pad_h = 0
10 optional uint32 pad_w = 0
11 optional Engine engine = DEFAULT
12 optional bool global_pooling = false
13 optional RoundMode round_mode = CEIL
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
enum PoolMethod { MAX = 0, AVE = 1, STOCHASTIC = 2 }
enum RoundMode { CEIL = 0, FLOOR = 1 }
)"},
    {"PowerParameter", R"(
1 optional float power = 1
2 optional float scale = 1
3 optional float shift = 0
)"},
    {"PReLUParameter", R"(
1 optional FillerParameter filler
2 optional bool channel_shared = false
)"},
    {"PythonParameter", R"(
1 optional string module
2 optional string layer
3 optional string param_str = ""
4 optional bool share_in_parallel = false
)"},
    {"RecurrentParameter", R"(
1 optional uint32 num_output = 0
2 optional FillerParameter weight_filler
3 optional FillerParameter bias_filler
4 optional bool debug_info = false
5 optional bool expose_hidden = false
)"},
    {"ReductionParameter", R"(
1 optional ReductionOp operation = SUM
2 optional int32 axis = 0
3 optional float coeff = 1
enum ReductionOp { SUM = 1, ASUM = 2, SUMSQ = 3, MEAN = 4 }
)"},
    {"ReLUParameter", R"(
1 optional float negative_slope = 0
2 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"ReshapeParameter", R"(
1 optional BlobShape shape
2 optional int32 axis = 0
3 optional int32 num_axes = -1
)"},
    {"ScaleParameter", R"(
1 optional int32 axis = 1
2 optional int32 num_axes = 1
3 optional FillerParameter filler
4 optional bool bias_term = false
5 optional FillerParameter bias_filler
)"},
    {"SigmoidParameter", R"(
1 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"SliceParameter", R"(
1 optional uint32 slice_dim = 1
2 repeated uint32 slice_point
3 optional int32 axis = 1
)"},
    {"SoftmaxParameter", R"(
1 optional Engine engine = DEFAULT
2 optional int32 axis = 1
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"SPPParameter", R"(
1 optional uint32 pyramid_height
2 optional PoolMethod pool = MAX
6 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
enum PoolMethod { MAX = 0, AVE = 1, STOCHASTIC = 2 }
)"},
    {"SwishParameter", R"(
1 optional float beta = 1
)"},
    {"TanHParameter", R"(
1 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"ThresholdParameter", R"(
1 optional float threshold = 0
)"},
    {"TileParameter", R"(
1 optional int32 axis = 1
2 optional int32 tiles
)"},
    {"TransformationParameter", R"(
1 optional float scale = 1
2 optional bool mirror = false
3 optional uint32 crop_size = 0
4 optional string mean_file
5 repeated float mean_value
6 optional bool force_color = false
7 optional bool force_gray = false
)"},
};

}  // namespace moka::testing
