#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace trailwarden::generate {

/// A file that is written from its beginning to its end.
class File {
 public:
  static Result<File> create(const std::string& path);

  Result<void> write(std::string_view bytes);
  /// Everything is with the operating system afterwards, or it is an error.
  Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  File(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// Writes a whole file.
Result<void> write_file(const std::string& path, std::string_view bytes);

/// Makes a folder and those above it.
Result<void> make_folder(const std::string& path);

}  // namespace trailwarden::generate
