// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One global of each shared struct and enum, so that all are in this object's
 * BTF. Compiled for the layout test and the build's check; never shipped. */
#include "kernel.h"
#include "conntracer.h"

enum flow_key_part flow_key_part;
enum direction direction;
enum attribution attribution;
enum event_type event_type;
enum close_reason close_reason;
enum conn_phase conn_phase;
enum slot_state slot_state;
enum slot slot;
enum filter_bound filter_bound;
enum filter_ports filter_ports;
enum v1_controller v1_controller;
struct flow_key flow_key;
struct flow flow;
struct owner owner;
struct listening_port listening_port;
struct fold fold;
struct conn conn;
struct shared shared;
struct udp_key udp_key;
struct udp_conn udp_conn;
struct udp_call udp_call;
struct event event;
struct image image;
struct socket_info socket_info;
struct list_settings list_settings;
struct flow_tuple flow_tuple;
struct flow_event flow_event;
struct flow_event_losses flow_event_losses;
struct holder holder;
struct netns_id netns_id;
struct netns_counts netns_counts;
struct map_count map_count;
struct losses losses;
struct host host;
struct settings settings;
struct filter filter;
