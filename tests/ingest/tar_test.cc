#include "ingest/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "testing/tar.h"
#include "testing/temp_dir.h"

namespace trailwarden::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::tar_end;
using testing::tar_header;
using testing::tar_member;

/// Members as `name=content`.
struct Listed {
  std::vector<std::string> members;
  std::string damage;
};

Listed list(const std::string& archive) {
  const testing::TempDir folder;
  auto file = InputFile::open(folder.write("a.tar", archive));
  EXPECT_TRUE(file.has_value());
  const TarIndex index = index_tar(**file, archive.size());
  Listed listed{{}, index.damage};
  for (const TarMember& m : index.members) listed.members.push_back(m.name + "=" + archive.substr(m.offset, m.size));
  return listed;
}

TEST(Tar, ListsRegularFilesOnly) {
  const std::string archive = tar_header("folder/", 0, '5') + tar_member("folder/a.json", "AAA") +
                              tar_header("link", 0, '2') + tar_member("b", std::string(513, 'b')) +
                              tar_member("empty", "") + tar_end();
  const Listed listed = list(archive);
  EXPECT_THAT(listed.members, ElementsAre("folder/a.json=AAA", "b=" + std::string(513, 'b'), "empty="));
  EXPECT_EQ(listed.damage, "");
  EXPECT_TRUE(looks_like_tar(archive));
}

TEST(Tar, KnowsLongNamesOfGnuAndPax) {
  const std::string name = std::string(150, 'n') + ".json";
  const std::string pax = "31 path=pax/name/of/the/member\n13 size=0004\n";
  EXPECT_THAT(
      list(tar_member("././@LongLink", name, 'L') + tar_member("short", "1") + tar_member("next", "2") + tar_end())
          .members,
      ElementsAre(name + "=1", "next=2"));
  EXPECT_THAT(
      list(tar_member("PaxHeaders/x", pax, 'x') + tar_member("short", "1234") + tar_member("next", "2") + tar_end())
          .members,
      ElementsAre("pax/name/of/the/member=1234", "next=2"));
}

TEST(Tar, NeedsNoClosingBlocks) {
  EXPECT_THAT(list(tar_member("a", "1")).members, ElementsAre("a=1"));
  EXPECT_EQ(list(tar_member("a", "1")).damage, "");
}

TEST(Tar, GivesTheMembersBeforeADamage) {
  const std::string good = tar_member("a", "1");
  std::string wrong = tar_member("b", "2");
  wrong[0] = 'x';
  EXPECT_THAT(list(good + wrong).members, ElementsAre("a=1"));
  EXPECT_THAT(list(good + wrong).damage, HasSubstr("checksum is wrong (at byte 1024)"));
  EXPECT_THAT(list(good + good.substr(0, 100)).damage, HasSubstr("in the middle of a header"));
  const Listed cut = list(good + tar_member("b", std::string(600, 'b')).substr(0, 612));
  EXPECT_THAT(cut.members, ElementsAre("a=1", "b=" + std::string(100, 'b')));
  EXPECT_THAT(cut.damage, HasSubstr("ends inside b"));
}

TEST(Tar, IsNotSeenInOtherFiles) {
  EXPECT_FALSE(looks_like_tar("{}"));
  EXPECT_FALSE(looks_like_tar(std::string(512, '\0')));
  EXPECT_FALSE(looks_like_tar(std::string(257, ' ') + "ustar" + std::string(250, ' ')));
}

}  // namespace
}  // namespace trailwarden::ingest
