/* SPDX-License-Identifier: MIT */
/*
 * A boot sector that plays what it records, 160 ms later, on an AC97 at 00:04.0.
 *
 * 32 buffers of 10 ms lie in a ring. Recording goes round, and so does playing, half a ring behind: its
 * list of the same buffers begins in the middle.
 */
	.set RECORD_LIST, 0x8000
	.set PLAY_LIST, 0x8100
	.set BUFFERS, 0x10000
	.set SAMPLES, 960		/* in a buffer: 480 frames of two */

	.code16
	.globl _start
_start:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp

	mov $0x80002004, %eax		/* command: I/O ports and bus mastering */
	call config
	in %dx, %eax
	or $5, %ax
	out %eax, %dx
	mov $0x80002010, %eax		/* BAR 0: the mixer */
	call config
	in %dx, %eax
	and $0xfffc, %ax
	mov %ax, %bp
	mov $0x80002014, %eax		/* BAR 1: the bus master */
	call config
	in %dx, %eax
	and $0xfffc, %ax
	mov %ax, %bx

	lea 0x2c(%bx), %dx		/* out of cold reset */
	mov $2, %eax
	out %eax, %dx
	mov %bp, %dx			/* reset the mixer, then all at full volume */
	xor %ax, %ax
	out %ax, %dx
	mov $registers, %si
1:	lodsb
	test %al, %al
	jz 2f
	xor %ah, %ah
	mov %bp, %dx
	add %ax, %dx
	xor %ax, %ax
	out %ax, %dx
	jmp 1b
2:
	mov $RECORD_LIST, %di
	mov $BUFFERS, %eax
	mov $32, %cx
1:	stosl
	movl $SAMPLES, (%di)
	add $4, %di
	add $(SAMPLES * 2), %eax
	loop 1b
	mov $(RECORD_LIST + 128), %si	/* to PLAY_LIST, its second half first */
	mov $32, %cx
	rep movsl
	mov $RECORD_LIST, %si
	mov $32, %cx
	rep movsl

	mov %bx, %dx			/* recording: its registers are at 0 */
	mov $RECORD_LIST, %eax
	call start
	lea 0x10(%bx), %dx		/* playing: at 0x10 */
	mov $PLAY_LIST, %eax
	call start

	sti				/* the BIOS's timer wakes us 18 times a second */
1:	hlt
	lea 4(%bx), %dx
	call go_on
	lea 0x14(%bx), %dx
	call go_on
	jmp 1b

/* Selects the word eax; leaves its port in dx. */
config:
	mov $0xcf8, %dx
	out %eax, %dx
	mov $0xcfc, %dx
	ret

/* dx: registers; eax: the list. */
start:
	out %eax, %dx
	add $5, %dx			/* last valid index */
	mov $31, %al
	out %al, %dx
	add $6, %dx			/* control: run */
	mov $1, %al
	out %al, %dx
	ret

/* dx: the current index. The last valid one is set to just behind it, so there is never an end. */
go_on:
	in %dx, %al
	dec %al
	and $31, %al
	inc %dx
	out %al, %dx
	ret

/* Master, microphone, line in, PCM out, record select, record gain. */
registers:
	.byte 0x02, 0x0e, 0x10, 0x18, 0x1a, 0x1c, 0

	.org 510
	.word 0xaa55
