#include "generate/file.h"

#include <cerrno>
#include <filesystem>

namespace trailwarden::generate {

Result<File> File::create(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return fail(io_error("create", path, errno));
  std::setvbuf(file, nullptr, _IONBF, 0);  // who writes here has large pieces
  return File(path, file);
}

Result<void> File::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return fail(io_error("write", path_, errno));
  return {};
}

Result<void> File::close() {
  if (std::fclose(file_.release()) != 0) return fail(io_error("close", path_, errno));
  return {};
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  auto file = File::create(path);
  if (!file) return fail(std::move(file).error());
  if (auto written = file->write(bytes); !written) return written;
  return file->close();
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(io_error("create folder", path, error.value()));
  return {};
}

}  // namespace trailwarden::generate
