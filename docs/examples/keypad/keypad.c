// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of virtual keypads. /sys/kernel/debug/keypad/keys lists the keys with
 * their numbers of presses.
 *
 * It has a typical bug: keypad_next() returns NULL at the end of the list without
 * advancing *pos. `cat` does not show it; `dd bs=20 skip=1` and a reader that
 * seeks get the last key again.
 */

#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#define KEYPAD_KEYS	12

struct keypad_key {
	struct list_head node;
	unsigned int code;
	unsigned long presses;
};

struct keypad {
	struct list_head keys;
	struct mutex lock;	/* protects keys */
	struct dentry *dir;
};

static struct platform_device *keypad_device;

static void *keypad_start(struct seq_file *m, loff_t *pos)
{
	struct keypad *pad = m->private;
	struct keypad_key *key;
	loff_t left = *pos;

	mutex_lock(&pad->lock);
	list_for_each_entry(key, &pad->keys, node)
		if (left-- == 0)
			return key;
	return NULL;
}

static void *keypad_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct keypad *pad = m->private;
	struct keypad_key *key = v;

	if (list_is_last(&key->node, &pad->keys))
		return NULL;
	(*pos)++;
	return list_next_entry(key, node);
}

static void keypad_stop(struct seq_file *m, void *v)
{
	struct keypad *pad = m->private;

	mutex_unlock(&pad->lock);
}

static int keypad_show(struct seq_file *m, void *v)
{
	struct keypad_key *key = v;

	seq_printf(m, "key %3u presses %4lu\n", key->code, key->presses);
	return 0;
}

static const struct seq_operations keypad_sops = {
	.start	= keypad_start,
	.next	= keypad_next,
	.stop	= keypad_stop,
	.show	= keypad_show,
};
DEFINE_SEQ_ATTRIBUTE(keypad);

static void keypad_free(struct keypad *pad)
{
	struct keypad_key *key, *next;

	list_for_each_entry_safe(key, next, &pad->keys, node) {
		list_del(&key->node);
		kfree(key);
	}
}

static int keypad_probe(struct platform_device *pdev)
{
	struct keypad *pad;
	unsigned int i;

	pad = devm_kzalloc(&pdev->dev, sizeof(*pad), GFP_KERNEL);
	if (!pad)
		return -ENOMEM;
	INIT_LIST_HEAD(&pad->keys);
	mutex_init(&pad->lock);
	for (i = 0; i < KEYPAD_KEYS; i++) {
		struct keypad_key *key = kzalloc(sizeof(*key), GFP_KERNEL);

		if (!key) {
			keypad_free(pad);
			return -ENOMEM;
		}
		key->code = 100 + i;
		list_add_tail(&key->node, &pad->keys);
	}
	pad->dir = debugfs_create_dir("keypad", NULL);
	debugfs_create_file("keys", 0444, pad->dir, pad, &keypad_fops);
	platform_set_drvdata(pdev, pad);
	return 0;
}

static struct platform_driver keypad_driver = {
	.probe	= keypad_probe,
	.driver	= { .name = "keypad" },
};

static int __init keypad_init(void)
{
	int ret = platform_driver_register(&keypad_driver);

	if (ret)
		return ret;
	keypad_device = platform_device_register_simple("keypad", -1, NULL, 0);
	if (IS_ERR(keypad_device)) {
		platform_driver_unregister(&keypad_driver);
		return PTR_ERR(keypad_device);
	}
	return 0;
}

static void __exit keypad_exit(void)
{
	struct keypad *pad = platform_get_drvdata(keypad_device);

	if (pad) {
		debugfs_remove_recursive(pad->dir);
		keypad_free(pad);
	}
	platform_device_unregister(keypad_device);
	platform_driver_unregister(&keypad_driver);
}

module_init(keypad_init);
module_exit(keypad_exit);

MODULE_DESCRIPTION("Virtual keypads with a list in debugfs");
MODULE_LICENSE("GPL");
