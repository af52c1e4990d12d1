// The program as its users meet it: run through a shell in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/scratch_folder.h"

namespace noiommu::scenarios {

class CommandLine : public testing::Test {
 protected:
  struct Answer {
    int code = -1;
    std::string out;
    std::string err;
  };

  // Runs in the test's own folder. `arguments` go through a shell.
  [[nodiscard]] Answer noiommu(const std::string& arguments) const {
    const std::string command =
        "cd " + folder_.text() + " && " + NOIOMMU_BINARY + " " + arguments + " 2>stderr";
    Answer answer;
    FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> chunk{};
    for (size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
      answer.out.append(chunk.data(), got);
    }
    answer.code = WEXITSTATUS(pclose(pipe));
    std::ostringstream err;
    err << std::ifstream(folder_.path() / "stderr").rdbuf();
    answer.err = err.str();
    return answer;
  }
  void file(const std::string& name, const std::string& text) const { folder_.add(name, text); }

  // Nothing runs and nothing goes to stdout; stderr says exactly this.
  void expect_refused(const std::string& text, const std::string& message) const {
    file("bad.yaml", text);
    const Answer answer = noiommu("run bad.yaml");
    EXPECT_EQ(answer.code, 2);
    EXPECT_EQ(answer.out, "");
    EXPECT_EQ(answer.err, message + "\n");
  }

 private:
  const tests::ScratchFolder folder_;
};

}  // namespace noiommu::scenarios
