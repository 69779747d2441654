/* SPDX-License-Identifier: MIT */
/* The options that say where viewers come, and who of them is let in. */
#include "bridge/options_table.h"

const char *const compression_words[] = {
	"auto", "off", "lz4", "quic", "glz", "auto-lz", "auto-glz", NULL};
const char *const tls_channel_words[] = {"all", "main", "display", "inputs", "cursor", "playback",
	"record", "smartcard", "usbredir", "webdav", "port", NULL};
static const char *const address_words[] = {
	"unix:", "tcp:127.0.0.1:", "tcp:[::1]:", "tls:", "fd:", "systemd", NULL};

const struct option_spec options_access[] = {
	{
		.name = "listen",
		.letter = 'l',
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "ADDRESS",
		.repeatable = true,
		.completion = COMPLETE_WORDS,
		.words = address_words,
		.help = "unix:PATH, tcp:HOST:PORT, tls:HOST:PORT, fd:N or systemd; repeatable",
		.man = "Where viewers connect; see *ADDRESSES*. May be given several times.",
		.set = set_listen,
	},
	{
		.name = "name",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "TEXT",
		.help = "the virtual machine's name, for the viewer's title",
		.man = "The virtual machine's name, which viewers show in their title. By default "
		       "what is known of the source.",
		.set = set_name,
	},
	{
		.name = "uuid",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "UUID",
		.help = "the virtual machine's UUID, told to viewers",
		.man = "The virtual machine's UUID, which viewers are told.",
		.set = set_uuid,
	},
	{
		.name = "max-viewers",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "N",
		.help = "so many viewers at once (1)",
		.man = "So many may look at once, 1 to 8, besides those at view-only addresses. The "
		       "default is 1. A new viewer takes over from the one that came first when all "
		       "places are taken. All of them may type and point; each costs the "
		       "compression of its pictures once more. The first is served by the channels "
		       "besides picture and input.",
		.set = set_max_viewers,
	},
	{
		.name = "max-view-only",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "N",
		.help = "so many viewers at once at view-only addresses (3)",
		.man = "So many may look at once at addresses with *view-only*, 1 to 8. The default "
		       "is 3.",
		.set = set_max_view_only,
	},
	{
		.name = "compression",
		.verbs = FOR_SERVE,
		.section = SECTION_ADDRESS,
		.argument = "METHOD",
		.completion = COMPLETE_WORDS,
		.words = compression_words,
		.help = "auto, off, lz4, quic, glz, auto-lz or auto-glz",
		.man = "How pictures are compressed: *auto* (the default: off on unix sockets, lz4 "
		       "on TCP), *off*, *lz4*, *quic*, *glz*, *auto-lz* or *auto-glz* (quic or "
		       "an LZ variant, whichever suits the picture).",
		.set = set_compression,
	},
	{
		.name = "password-file",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "viewers must know the first line of this file",
		.man = "Viewers are asked for a password, which is the first line of _FILE_, 1 to "
		       "60 bytes. The file must not be open to other users.",
		.set = set_password_file,
	},
	{
		.name = "password-credential",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "NAME",
		.help = "the same, from a systemd credential",
		.man = "As *--password-file*, with the credential _NAME_ that systemd hands over "
		       "(*LoadCredential=*). One that is called _vgpu-bridge.password_ is taken "
		       "without asking, and so is _vgpu-bridge.view-password_ for view-only "
		       "addresses.",
		.set = set_password_credential,
	},
	{
		.name = "view-password-file",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "another password for view-only addresses",
		.man = "As *--password-file*, for viewers at addresses with *view-only*. By default "
		       "they are asked for the same password as the others.",
		.set = set_view_password_file,
	},
	{
		.name = "password-expires",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "SECONDS|TIME",
		.help = "after this no password lets anybody in",
		.man = "After so many seconds, or from a _TIME_ on such as 2026-01-31T18:00 (local) "
		       "or 2026-01-31T17:00:00Z, no password lets anybody in any more. Who is in "
		       "stays in.",
		.set = set_password_expires,
	},
	{
		.name = "sasl",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.help = "ask viewers by SASL instead of a password",
		.man = "Viewers prove who they are by SASL, as _/etc/sasl2/vgpu-bridge.conf_ says "
		       "(in another folder with *SASL_CONF_PATH*). Ways that send the password as "
		       "it is are only taken in TLS. Not for unix sockets: libspice-server can't.",
		.set = set_sasl,
	},
	{
		.name = "no-auth",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.help = "let anyone in who reaches an address beyond this machine",
		.man = "Without it, an address that other machines reach is refused when there is "
		       "neither a password nor *--sasl*. Use it only in a network that you trust, or "
		       "through a tunnel.",
		.set = set_no_auth,
	},
	{
		.name = "with-password",
		.verbs = FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.no_key = true,
		.help = "put the password into the file, which the viewer then deletes",
		.man = "Puts the password of *--password-file* into the file and lets the viewer "
		       "delete that when it has read it.",
		.set = set_with_password,
	},
	{
		.name = "host",
		.verbs = FOR_VIEWER_FILE,
		.section = SECTION_ADDRESS,
		.argument = "NAME",
		.help = "this machine, as viewers call it",
		.man = "The name or address by which viewers reach this machine. By default the "
		       "one of the address, or the machine's own name where that is every address.",
		.set = set_host,
	},
	{
		.name = "tls-cert",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "the certificate for tls: addresses (PEM)",
		.man = "The PEM file of the certificate for *tls:* addresses, followed by those that "
		       "lead to its authority. Read once, at the start.",
		.set = set_tls_cert,
	},
	{
		.name = "tls-key",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "its private key (PEM, not encrypted)",
		.man = "The PEM file of the certificate's private key, which must not be encrypted.",
		.set = set_tls_key,
	},
	{
		.name = "tls-ca",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "FILE",
		.completion = COMPLETE_FILES,
		.help = "the authority's certificate (PEM)",
		.man = "The PEM file of the authority's certificate, which *viewer-file* hands to "
		       "viewers. By default the certificate is its own authority.",
		.set = set_tls_ca,
	},
	{
		.name = "tls-ciphers",
		.verbs = FOR_SERVE,
		.section = SECTION_ACCESS,
		.argument = "LIST",
		.help = "OpenSSL's list of ciphers",
		.man = "Which ciphers may be used up to TLS 1.2, in the words of *openssl-ciphers*(1).",
		.set = set_tls_ciphers,
	},
	{
		.name = "tls-channels",
		.verbs = FOR_SERVE | FOR_VIEWER_FILE,
		.section = SECTION_ACCESS,
		.argument = "NAME,...",
		.completion = COMPLETE_WORDS,
		.words = tls_channel_words,
		.help = "channels that nobody gets without TLS",
		.man = "Channels that no viewer gets without TLS, at whatever address: *all*, or "
		       "names with commas of main, display, inputs, cursor, playback, record, "
		       "smartcard, usbredir, webdav and port. A viewer that uses a plain address "
		       "and a *tls:* one takes these through TLS.",
		.set = set_tls_channels,
	},
};
const size_t options_access_count = sizeof(options_access) / sizeof(options_access[0]);
