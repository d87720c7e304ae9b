// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves on demand, so that the tests of the test harness have something
 * to detect.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/smp.h>

static char *action = "";
module_param(action, charp, 0444);
MODULE_PARM_DESC(action, "warn, oops, hang or leak");

static void spin_forever(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init selftest_init(void)
{
	if (!strcmp(action, "warn"))
		WARN(1, "fastloop_selftest warns\n");
	else if (!strcmp(action, "oops"))
		*(volatile int *)8 = 0;
	else if (!strcmp(action, "hang"))
		on_each_cpu(spin_forever, NULL, 0);
	else if (!strcmp(action, "leak"))
		return kmalloc(4321, GFP_KERNEL) ? 0 : -ENOMEM;
	return 0;
}

static void __exit selftest_exit(void)
{
}

module_init(selftest_init);
module_exit(selftest_exit);
MODULE_DESCRIPTION("misbehaves on demand");
MODULE_LICENSE("GPL");
