// One group of an HDF5 file.
#include "io/hdf5_group.h"

#include <utility>

#include "io/hdf5_apart.h"

namespace moka {
namespace {

// Of the processor, and it is the disk that one waits for: only what hangs needs more.
constexpr int kSecondsToWrite = 3600;

Hdf5Handle SpaceOf(const Shape& shape) {
  if (shape.axes() == 0) return Hdf5Handle(H5Screate(H5S_SCALAR), H5Sclose);
  std::vector<hsize_t> dims;
  for (int64_t size : shape.sizes()) dims.push_back(static_cast<hsize_t>(size));
  return Hdf5Handle(H5Screate_simple(shape.axes(), dims.data(), nullptr), H5Sclose);
}

}  // namespace

Hdf5Group::Hdf5Group(const Hdf5File& file) {
  path = file.path;
  handle = Hdf5Handle(H5Gopen2(file.id(), "/", H5P_DEFAULT), H5Gclose);
  if (!handle.good()) FailForReason("damaged");
}

std::string Hdf5Group::PlaceOf(const std::string& name) const { return place + "/" + name; }

std::vector<std::string> Hdf5Group::Names() const {
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    try {
      static_cast<std::vector<std::string>*>(out)->push_back(name);
      return 0;
    } catch (...) {  // HDF5 is no place for exceptions
      return -1;
    }
  };
  const Hdf5Handle creation(H5Gget_create_plist(id()), H5Pclose);
  unsigned order = 0;
  if (!creation.good() || H5Pget_link_creation_order(creation.id(), &order) < 0) {
    FailForReason("damaged");
  }
  const H5_index_t index = (order & H5P_CRT_ORDER_TRACKED) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  if (H5Literate(id(), index, H5_ITER_INC, nullptr, add, &names) < 0) {
    FailForReason("damaged, it cannot be listed");
  }
  return names;
}

bool Hdf5Group::Has(const std::string& name) const {
  const htri_t there = H5Lexists(id(), name.c_str(), H5P_DEFAULT);
  if (there < 0) FailForReason("damaged");
  return there > 0;
}

Hdf5Object Hdf5Group::Open(const std::string& name, H5I_type_t kind, const char* wanted) const {
  Hdf5Object object = {path, PlaceOf(name), {}};
  // A name with '/' would be walked through as a path, which only a forged file has.
  if (name.empty() || name == "." || name.find('/') != std::string::npos) {
    object.Fail("damaged: this is no name of a link");
  }
  H5L_info_t link;
  if (H5Lget_info(id(), name.c_str(), &link, H5P_DEFAULT) < 0) object.FailForReason("damaged");
  if (link.type != H5L_TYPE_HARD) {
    object.Fail(link.type == H5L_TYPE_EXTERNAL
                    ? "it is a link to another file; those are not followed"
                    : "it is a link to another place; those are not followed");
  }
  object.handle = Hdf5Handle(H5Oopen(id(), name.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object.handle.good()) object.FailForReason("damaged, it cannot be opened");
  const H5I_type_t found = H5Iget_type(object.id());
  if (found != kind) {
    object.Fail(std::string("it is a ") +
                (found == H5I_GROUP     ? "group"
                 : found == H5I_DATASET ? "dataset"
                                        : "type") +
                ", not a " + wanted);
  }
  return object;
}

Hdf5Group Hdf5Group::OpenGroup(const std::string& name) const {
  return Hdf5Group(Open(name, H5I_GROUP, "group"));
}

Hdf5Dataset Hdf5Group::OpenDataset(const std::string& name) const {
  return Hdf5Dataset(Open(name, H5I_DATASET, "dataset"));
}

Hdf5Group Hdf5Group::AddGroup(const std::string& name) const {
  Hdf5Object object = {path, PlaceOf(name), {}};
  const Hdf5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_link_creation_order(creation.id(), H5P_CRT_ORDER_TRACKED);
  H5Pset_obj_track_times(creation.id(), false);  // the same weights are the same bytes
  object.handle =
      Hdf5Handle(H5Gcreate2(id(), name.c_str(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), H5Gclose);
  if (!object.handle.good()) object.FailForReason("HDF5 cannot make this group");
  return Hdf5Group(std::move(object));
}

void Hdf5Group::Add(const std::string& name, hid_t file_type, hid_t memory_type,
                    const Hdf5Handle& space, const void* values) const {
  Hdf5Object object = {path, PlaceOf(name), {}};
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.id(), false);
  H5Pset_fill_time(creation.id(), H5D_FILL_TIME_NEVER);  // all values are written
  object.handle = Hdf5Handle(H5Dcreate2(id(), name.c_str(), file_type, space.id(), H5P_DEFAULT,
                                        creation.id(), H5P_DEFAULT),
                             H5Dclose);
  if (!object.handle.good() ||
      H5Dwrite(object.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    object.FailForReason("HDF5 cannot write it");
  }
  if (!object.handle.Close()) object.FailForReason("HDF5 cannot write it");
}

void Hdf5Group::AddFloats(const std::string& name, const Shape& shape, const Tensor& values) const {
  const float nothing = 0;  // HDF5 wants an address also for no values
  Add(name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, SpaceOf(shape),
      values.count() > 0 ? values.data() : &nothing);
}

void Hdf5Group::AddInteger(const std::string& name, int32_t value) const {
  Add(name, H5T_STD_I32LE, H5T_NATIVE_INT32, SpaceOf(Shape{1}), &value);
}

void Hdf5Group::AddString(const std::string& name, const std::string& text) const {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), text.size() + 1);
  Add(name, type.id(), type.id(), SpaceOf(Shape{}), text.c_str());
}

void Hdf5Group::AddBytes(const std::string& name, std::string_view bytes) const {
  const char nothing = 0;
  Add(name, H5T_STD_U8LE, H5T_NATIVE_UCHAR, SpaceOf(Shape{static_cast<int64_t>(bytes.size())}),
      bytes.empty() ? &nothing : bytes.data());
}

void WriteHdf5(const std::string& path, const std::function<void(const Hdf5Group& root)>& fill) {
  WriteApart(path, kSecondsToWrite, [&] {
    Hdf5File file(path, Hdf5File::kCreate);
    file.Seal();
    fill(Hdf5Group(file));
    file.Close();
  });
}

}  // namespace moka
