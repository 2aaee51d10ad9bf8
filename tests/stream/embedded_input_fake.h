#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "stream/embedded_input.h"

namespace trailwarden::testing {

/// An input source over one file of lines, which only grows: every whole line is a message. Its one mark is how many
/// lines were given. Without a file: lines that the test puts.
class LinesInput final : public stream::InputSource {
 public:
  explicit LinesInput(std::string path = {}, std::size_t per_poll = 3) : path_(std::move(path)), per_poll_(per_poll) {}

  std::vector<std::string> lines;  // when there is no file

  void restore(std::int64_t, std::string_view state) override { given_ = std::stoul(std::string(state)); }

  Result<void> poll(std::chrono::milliseconds wait, stream::InputBatch& input) override {
    input.clear();
    if (!path_.empty() && given_ >= lines.size()) read_file();
    const std::size_t count = std::min(per_poll_, lines.size() - std::min(given_, lines.size()));
    if (count == 0) std::this_thread::sleep_for(std::min(wait, std::chrono::milliseconds{2}));
    auto kept = std::make_shared<std::deque<std::string>>();
    for (std::size_t i = 0; i < count; ++i) {
      kept->push_back(lines[given_++] + std::string(64, ' '));
      stream::Message message;
      message.origin = "lines";
      message.byte_offset = given_;
      message.append_time = AppendTime{std::chrono::milliseconds{1000 * given_}};
      message.value = std::string_view(kept->back()).substr(0, kept->back().size() - 64);
      input.batch.messages.push_back(std::move(message));
      input.marks.push_back({i + 1, 7, std::to_string(given_)});
    }
    input.batch.holds.push_back(kept);
    input.drained = given_ == lines.size();
    return {};
  }
  void committed(const stream::SourceMark& mark) override { told.push_back(mark.state.value_or("")); }
  std::string trouble() const override { return {}; }
  void wake() override {}

  std::vector<std::string> told;  // marks that are committed

 private:
  void read_file() {
    lines.clear();
    std::ifstream file(path_, std::ios::binary);
    for (std::string line; std::getline(file, line) && !file.eof();) lines.push_back(line);
  }

  std::string path_;
  std::size_t per_poll_;
  std::size_t given_ = 0;
};

}  // namespace trailwarden::testing
