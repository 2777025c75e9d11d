// The parameter messages of the layers that Caffe has too, as they are in Caffe; see
// caffe_messages.h.
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
    {"ConcatParameter", R"(
1 optional uint32 concat_dim = 1
2 optional int32 axis = 1
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
    {"ELUParameter", R"(
1 optional float alpha = 1
)"},
    {"EltwiseParameter", R"(
1 optional EltwiseOp operation = SUM
2 repeated float coeff
3 optional bool stable_prod_grad = true
enum EltwiseOp { PROD = 0, SUM = 1, MAX = 2 }
)"},
    {"FlattenParameter", R"(
1 optional int32 axis = 1
2 optional int32 end_axis = -1
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
    {"LossParameter", R"(
1 optional int32 ignore_label
2 optional bool normalize
3 optional NormalizationMode normalization = VALID
enum NormalizationMode { FULL = 0, VALID = 1, BATCH_SIZE = 2, NONE = 3 }
)"},
    {"PReLUParameter", R"(
1 optional FillerParameter filler
2 optional bool channel_shared = false
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
    {"PythonParameter", R"(
1 optional string module
2 optional string layer
3 optional string param_str = ""
4 optional bool share_in_parallel = false
)"},
    {"ReLUParameter", R"(
1 optional float negative_slope = 0
2 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
)"},
    {"RecurrentParameter", R"(
1 optional uint32 num_output = 0
2 optional FillerParameter weight_filler
3 optional FillerParameter bias_filler
4 optional bool debug_info = false
5 optional bool expose_hidden = false
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
    {"TanHParameter", R"(
1 optional Engine engine = DEFAULT
enum Engine { DEFAULT = 0, CAFFE = 1, CUDNN = 2 }
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
