#include "scenarios/exec/text_output.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "scenarios/exec/setup_error.h"

namespace noiommu::scenarios::exec {

TextOutput::TextOutput(const std::string& path) : path_(path) {
  if (path.empty()) return;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  file_ = OwnedFd(open(path.c_str(), kFlags, 0666));
  if (!file_) throw SetupError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

void TextOutput::start() const {
  if (file_) static_cast<void>(ftruncate(file_.get(), 0));  // a pipe has nothing to empty
}

void TextOutput::write(std::string_view text) {
  const int fd = file_ ? file_.get() : STDERR_FILENO;
  while (!text.empty() && error_ == 0) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done >= 0) {
      text.remove_prefix(static_cast<size_t>(done));
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
}

std::string TextOutput::wrong() const {
  if (!file_ || error_ == 0) return {};
  return fmt::format("cannot write {}: {}", path_, std::strerror(error_));
}

}  // namespace noiommu::scenarios::exec
