// Many threads at once, mostly for ThreadSanitizer. What is asserted holds in every interleaving.
#pragma once

#include <atomic>
#include <functional>
#include <initializer_list>
#include <latch>
#include <thread>
#include <vector>

namespace noiommu::vfio {

inline constexpr int kRounds = 200;
inline constexpr int kRoundsOfARace = 10000;  // for a window of a few instructions

// Each function in a thread of its own, `rounds` times.
inline void run(std::initializer_list<std::function<void()>> functions, int rounds = kRounds) {
  std::latch started(static_cast<std::ptrdiff_t>(functions.size()));
  std::vector<std::thread> threads;
  for (const auto& function : functions) {
    threads.emplace_back([&started, function, rounds] {
      started.arrive_and_wait();
      for (int i = 0; i < rounds; ++i) function();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Each function again and again in a thread of its own, as long as `leader` runs.
inline void run_while(const std::function<void()>& leader,
                      std::initializer_list<std::function<void()>> functions,
                      int rounds = kRounds) {
  std::atomic<bool> done = false;
  std::latch started(static_cast<std::ptrdiff_t>(functions.size()));
  std::vector<std::thread> threads;
  for (const auto& function : functions) {
    threads.emplace_back([&done, &started, function] {
      started.count_down();
      while (!done) function();
    });
  }
  started.wait();
  for (int i = 0; i < rounds; ++i) leader();
  done = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace noiommu::vfio
