// SPDX-License-Identifier: MIT
//
// net.hpp — the front door to the network: streams, listeners, datagrams, names.
//
//   #include <net/net.hpp>
//
//   address.hpp   Address                               listener.hpp  listen, TcpListener
//   stream.hpp    TcpStream, BufferedReader, Lease      udp.hpp       UdpSocket
//   connect.hpp   connect, resolve
#pragma once

#include "../reactor/reactor.hpp"
#include "connect.hpp"
#include "listener.hpp"
#include "udp.hpp"
