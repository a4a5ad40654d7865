/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/sha256.h"

#define BLOCK_SIZE 64

/* The first 32 bits of the fractions of the cube roots of the first 64 primes, and of the square roots of the first 8. */
static const uint32_t round_constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t initial_state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
        return x >> n | x << (32 - n);
}

static void block_add(uint32_t state[static 8], const uint8_t *block)
{
        uint32_t w[64], s[8];

        for (size_t i = 0; i < 16; i++)
                w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16 |
                       (uint32_t) block[4 * i + 2] << 8 | block[4 * i + 3];
        for (size_t i = 16; i < 64; i++) {
                uint32_t a = w[i - 15], b = w[i - 2];

                w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
                       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }

        memcpy(s, state, sizeof(s));
        for (size_t i = 0; i < 64; i++) {
                uint32_t t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
                              ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
                uint32_t t2 = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
                              ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

                memmove(s + 1, s, 7 * sizeof(s[0]));
                s[4] += t1;
                s[0] = t1 + t2;
        }
        for (size_t i = 0; i < 8; i++)
                state[i] += s[i];
}

static void digest(const void *data, size_t size, uint8_t ret[static SHA256_SIZE])
{
        const uint8_t *p = data;
        uint8_t last[2 * BLOCK_SIZE] = {};
        uint64_t bits = (uint64_t) size * 8;
        uint32_t state[8];
        size_t n = size;

        memcpy(state, initial_state, sizeof(state));
        for (; n >= BLOCK_SIZE; n -= BLOCK_SIZE, p += BLOCK_SIZE)
                block_add(state, p);

        /* A one, zeros, and the length in bits at the end of the last block. */
        if (n > 0)
                memcpy(last, p, n);
        last[n] = 0x80;
        n = n + 9 > BLOCK_SIZE ? 2 * BLOCK_SIZE : BLOCK_SIZE;
        for (size_t i = 1; i <= 8; i++, bits >>= 8)
                last[n - i] = (uint8_t) bits;
        for (size_t i = 0; i < n; i += BLOCK_SIZE)
                block_add(state, last + i);

        for (size_t i = 0; i < SHA256_SIZE; i++)
                ret[i] = (uint8_t) (state[i / 4] >> (24 - 8 * (i % 4)));
}

static void hex(const uint8_t in[static SHA256_SIZE], char ret[static SHA256_HEX_SIZE])
{
        for (size_t i = 0; i < SHA256_SIZE; i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", in[i]);
}

void sha256_hex(const void *data, size_t size, char ret[static SHA256_HEX_SIZE])
{
        uint8_t d[SHA256_SIZE];

        digest(data, size, d);
        hex(d, ret);
}

int hmac_sha256_hex(const char *key, const void *data, size_t size, char ret[static SHA256_HEX_SIZE])
{
        uint8_t pad[BLOCK_SIZE] = {}, outer[BLOCK_SIZE + SHA256_SIZE], d[SHA256_SIZE], *inner;
        size_t n = strlen(key);

        inner = malloc(BLOCK_SIZE + size);
        if (!inner)
                return -ENOMEM;

        if (n > BLOCK_SIZE)
                digest(key, n, pad);
        else
                for (size_t i = 0; i < n; i++)
                        pad[i] = (uint8_t) key[i];
        for (size_t i = 0; i < BLOCK_SIZE; i++) {
                inner[i] = pad[i] ^ 0x36;
                outer[i] = pad[i] ^ 0x5c;
        }
        memcpy(inner + BLOCK_SIZE, data, size);
        digest(inner, BLOCK_SIZE + size, outer + BLOCK_SIZE);
        digest(outer, sizeof(outer), d);
        hex(d, ret);

        explicit_bzero(pad, sizeof(pad));
        explicit_bzero(inner, BLOCK_SIZE);
        explicit_bzero(outer, sizeof(outer));
        free(inner);
        return 0;
}
