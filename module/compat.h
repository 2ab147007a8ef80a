/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels since 5.10 that matter to these modules. All tests
 * of kernel versions in this folder are in this file.
 */
#ifndef SEQTRACE_COMPAT_H
#define SEQTRACE_COMPAT_H

#include <linux/proc_fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 10, 0)
#error "seqtrace's modules need seq_read_iter() and struct proc_ops: Linux 5.10 or newer"
#endif

/* 5.17 renamed PDE_DATA() to pde_data(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 17, 0)
#define pde_data(inode) PDE_DATA(inode)
#endif

#endif /* SEQTRACE_COMPAT_H */
