#include "app/file_watch.h"

#include <gtest/gtest.h>

#include "testing/temp_dir.h"

namespace trailwarden::app {
namespace {

TEST(FileWatch, SeesWhatChangesOnceItHasSettled) {
  const testing::TempDir folder;
  const std::string one = folder.write("one", "1"), two = folder.path("two");
  const std::vector<std::string> files{one, two};
  FileWatch watch(files);
  EXPECT_FALSE(watch.have_changed(files));
  folder.write("one", "12");
  EXPECT_FALSE(watch.have_changed(files)) << "perhaps there is more to come";
  folder.write("one", "123");
  EXPECT_FALSE(watch.have_changed(files)) << "there was";
  EXPECT_TRUE(watch.have_changed(files));
  EXPECT_FALSE(watch.have_changed(files)) << "once";
  folder.write("two", "");
  watch.have_changed(files);
  EXPECT_TRUE(watch.have_changed(files)) << "what comes";
  std::filesystem::remove(one);
  watch.have_changed(files);
  EXPECT_TRUE(watch.have_changed(files)) << "what goes";
}

TEST(FileWatch, WhatIsAsItWasIsNoChange) {
  const testing::TempDir folder;
  const std::string file = folder.write("one", "1");
  const auto time = std::filesystem::last_write_time(file);
  FileWatch watch({file});
  folder.write("one", "2222");
  EXPECT_FALSE(watch.have_changed({file}));
  folder.write("one", "1");
  std::filesystem::last_write_time(file, time);
  EXPECT_FALSE(watch.have_changed({file}));
  EXPECT_FALSE(watch.have_changed({file}));
}

}  // namespace
}  // namespace trailwarden::app
