/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* org.freedesktop.LogControl1: what systemctl log-level and log-target speak to. Written by root alone. */
int log_control_bus_register(sd_bus *bus);
