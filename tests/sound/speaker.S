/* SPDX-License-Identifier: MIT */
/* A boot sector that plays 1000 Hz on the PC speaker for ever. */
	.code16
	.globl _start
_start:
	cli
	mov $0xb6, %al			/* timer 2: both bytes, square wave */
	out %al, $0x43
	mov $1193, %ax			/* of 1193182 Hz */
	out %al, $0x42
	mov %ah, %al
	out %al, $0x42
	in $0x61, %al
	or $3, %al			/* the timer's gate, and the speaker */
	out %al, $0x61
1:	hlt
	jmp 1b

	.org 510
	.word 0xaa55
