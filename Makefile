# SPDX-License-Identifier: GPL-2.0-only
# Verbs only; the work is done by the directories. `make help` lists them.

# The kernel to build the module for: the running one if its build directory is
# here, otherwise the newest one with headers.
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(shell ls -dvr /lib/modules/*/build /usr/src/linux-headers-*-amd64 2>/dev/null))
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0

# Not include/config/kernel.release: Debian's headers have another string there.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h 2>/dev/null)
no_kernel = $(if $(filter-out file undefined,$(origin KDIR)),KDIR=$(KDIR) is not \
	the build directory of a kernel: no include/generated/utsrelease.h,/lib/modules: \
	no kernel headers: apt-get install linux-headers-amd64 or give KDIR=)
# Where the module goes. It is not /lib, which is a link in what DESTDIR will be.
MODDIR = $(if $(DESTDIR),/usr)/lib/modules/$(release)/updates
dest = $(if $(DESTDIR),$(if $(filter /%,$(DESTDIR)),,$(CURDIR)/)$(DESTDIR))
# User Mode Linux is the one kernel here that has another ARCH.
uml = $(shell grep -qs '^CONFIG_UML=y' $(KDIR)/.config && echo ARCH=um)
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR)/dm-fastloop $(uml) V=$(V) \
	CONFIG_DM_FASTLOOP=m

all: module cli

help:
	@echo 'all       the module and the tool (default)'
	@echo 'module    dm-fastloop/dm-fastloop.ko; KDIR= chooses the kernel'
	@echo 'cli       dmlosetup/dmlosetup'
	@echo 'test      everything that can be tested; needs root or sudo once'
	@echo 'check     checkpatch, sparse, cppcheck, shellcheck'
	@echo 'bench     measure, and compare with the bars'
	@echo 'demo      a guest shows what this is for'
	@echo 'install   into DESTDIR, PREFIX=$(PREFIX), the module for the kernel of KDIR'
	@echo 'deb       Debian packages (not here yet)'
	@echo 'clean     all that was built here (the kernel cache stays)'

module:
	@test -n "$(release)" || { echo '$(no_kernel)' >&2; exit 1; }
	@test "$(release)" = "$$(uname -r)" || echo 'for kernel $(release); this machine runs '"$$(uname -r)" >&2
	$(kbuild) KCFLAGS=-Werror modules

cli:
	$(MAKE) -C dmlosetup

test:
	tests/run -x 3 -k debian

check:
	tests/run check

demo:
	tests/demo/run

bench:
	tests/bench/run

deb:
	@echo "make $@: not here yet" >&2; exit 1

install: all
	install -D -m 644 dm-fastloop/dm-fastloop.ko $(dest)$(MODDIR)/dm-fastloop.ko
	$(if $(DESTDIR),,depmod $(release))
	$(MAKE) -C dmlosetup install PREFIX=$(PREFIX) DESTDIR=$(dest)
	@test "$(release)" = "$$(uname -r)" || echo 'the module is for kernel $(release); this machine runs '"$$(uname -r)" >&2

clean:
	$(if $(KDIR),$(kbuild) clean)
	$(MAKE) -C dmlosetup clean
	rm -rf build

.PHONY: all help module cli test check demo bench deb install clean
