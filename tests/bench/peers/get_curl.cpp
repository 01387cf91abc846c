// SPDX-License-Identifier: MIT
//
// get_curl.cpp — an HTTP client as libcurl's users write it when there are many transfers:
// curl_multi_socket_action over epoll, easy handles that are used again.
#include <curl/curl.h>
#include <sys/epoll.h>

#include <utility>
#include <vector>

#include "client.hpp"

namespace {
struct Kernel {
  int epoll = epoll_create1(0);
  long timeout = -1;
};

int watch(CURL*, curl_socket_t fd, int what, void* to, void* known) {
  auto& [kernel, multi] = *static_cast<std::pair<Kernel, CURLM*>*>(to);
  epoll_event event{};
  event.data.fd = fd;
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  const int change = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  epoll_ctl(kernel.epoll, change, fd, &event);
  if (what != CURL_POLL_REMOVE) curl_multi_assign(multi, fd, to);
  return 0;
}

int wait_at_most(CURLM*, long ms, void* to) {
  static_cast<std::pair<Kernel, CURLM*>*>(to)->first.timeout = ms;
  return 0;
}

std::size_t came(char*, std::size_t, std::size_t size, void* total) {
  *static_cast<std::size_t*>(total) += size;
  return size;
}
}  // namespace

int main(int argc, char** argv) {
  Tally tally(argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  std::pair<Kernel, CURLM*> all{Kernel(), curl_multi_init()};
  auto& [kernel, multi] = all;
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &all);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, wait_at_most);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, &all);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(tally.concurrency));

  std::vector<std::size_t> sizes(tally.concurrency);
  for (std::size_t& size : sizes) {
    CURL* easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, tally.url.c_str());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, came);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &size);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &size);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_multi_add_handle(multi, easy);
  }
  for (std::size_t asking = tally.concurrency; asking != 0;) {
    epoll_event events[64];
    int running = 0, left = 0;
    const int count = epoll_wait(kernel.epoll, events, 64, static_cast<int>(kernel.timeout));
    if (count == 0 || kernel.timeout == 0) {  // 0: there are transfers to be begun
      kernel.timeout = -1;
      curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (int i = 0; i < count; ++i) {
      const unsigned seen = events[i].events;
      const int ready = (seen & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (seen & EPOLLOUT ? CURL_CSELECT_OUT : 0);
      curl_multi_socket_action(multi, events[i].data.fd, ready, &running);
    }
    while (const CURLMsg* done = curl_multi_info_read(multi, &left)) {
      CURL* easy = done->easy_handle;
      long status = 0;
      void* size = nullptr;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &size);
      curl_multi_remove_handle(multi, easy);
      if (tally.another(status, std::exchange(*static_cast<std::size_t*>(size), 0))) {
        curl_multi_add_handle(multi, easy);
      } else {
        --asking;
      }
    }
  }
}
