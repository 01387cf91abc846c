// SPDX-License-Identifier: MIT
//
// net.hpp — the front door to the network: streams, listeners, datagrams, names.
//
//   #include <net/net.hpp>
//
//   address.hpp   Address                      listener.hpp  listen, TcpListener
//   stream.hpp    TcpStream, Lease, copy       udp.hpp       UdpSocket
//   connect.hpp   connect, resolve             reader.hpp    BufferedReader
#pragma once

#include "../reactor/reactor.hpp"
#include "connect.hpp"
#include "listener.hpp"
#include "reader.hpp"
#include "udp.hpp"
