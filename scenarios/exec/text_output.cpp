#include "scenarios/exec/text_output.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

TextOutput::TextOutput(const std::string& path) {
  if (path.empty()) return;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
  file_ = OwnedFd(open(path.c_str(), kFlags, 0666));
  if (!file_) throw SetupError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

void TextOutput::write(std::string_view text) const {
  const int fd = file_ ? file_.get() : STDERR_FILENO;
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done <= 0) return;  // nobody listens any more, or the disk is full
    text.remove_prefix(static_cast<size_t>(done));
  }
}

}  // namespace noiommu::scenarios::exec
