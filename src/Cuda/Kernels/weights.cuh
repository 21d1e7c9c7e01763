// Matrices as they lie on the card. WEIGHT says of which type: the order of C#'s DeviceFormat. A lane reads a piece of a row, 16 bytes of codes, and makes four weights of it at a time.
#pragma once
#include "prelude.cuh"

#define F32 0
#define F16 1
#define BF16 2
#define Q8_0 3
#define Q4_0 4
#define Q4_1 5
#define Q4_K 6

struct Matrix {
    // Rows of codes; Q4_K: whole blocks of 144 bytes.
    const unsigned char* codes;
    // Q8_0, Q4_0: an fp16 scale for each 32 weights; Q4_1: a scale and an offset.
    const unsigned char* scales;
};

#if WEIGHT == F32
constexpr int PIECE = 4;
#elif WEIGHT == F16 || WEIGHT == BF16
constexpr int PIECE = 8;
#elif WEIGHT == Q8_0
constexpr int PIECE = 16;
#else
constexpr int PIECE = 32;
#endif

struct Piece {
    uint4 codes;
#if WEIGHT == Q8_0 || WEIGHT == Q4_0
    float scale;
#elif WEIGHT == Q4_1
    float scale, offset;
#elif WEIGHT == Q4_K
    float scale, offset, scale1, offset1;
#endif
};

// Where the four weights from i on (a multiple of 4) of a piece stand in the row.
__device__ __forceinline__ int pieceColumn(int piece, int i) {
#if WEIGHT == Q4_K
    // 16 bytes hold half of a group of 32 low, and half of the next one high.
    return piece / 8 * 256 + (piece % 8) / 2 * 64 + piece % 2 * 16 + (i < 16 ? i : i + 16);
#else
    return piece * PIECE + i;
#endif
}

__device__ __forceinline__ Piece readPiece(const Matrix& m, long long row, int piece, int columns) {
    Piece p;
#if WEIGHT == Q4_K
    const unsigned char* block = m.codes + (row * (columns / 256) + piece / 8) * 144;
    int j = (piece % 8) / 2;
    uint4 head = load((const uint4*)block);
    p.codes = load((const uint4*)(block + 16 + j * 32 + piece % 2 * 16));
    float scale = halfToFloat((unsigned short)head.x), offset = halfToFloat((unsigned short)(head.x >> 16));
    // Twelve bytes of 6-bit factors: of groups 0 to 3 the lower six bits of bytes 0 to 3 and 4 to 7, of the others a nibble of bytes 8 to 11 and the two bits left over above.
    unsigned char b[12];
#pragma unroll
    for (int i = 0; i < 4; i++) { b[i] = head.y >> (8 * i); b[4 + i] = head.z >> (8 * i); b[8 + i] = head.w >> (8 * i); }
    int factors[4];
#pragma unroll
    for (int k = 0; k < 2; k++) {
        int group = 2 * j + k, g = group & 3;
        int low = 0, mid = 0, high = 0;
#pragma unroll
        for (int i = 0; i < 4; i++) if (i == g) { low = b[i]; mid = b[4 + i]; high = b[8 + i]; }
        factors[2 * k] = group < 4 ? low & 63 : (high & 15) | (low >> 6 << 4);
        factors[2 * k + 1] = group < 4 ? mid & 63 : (high >> 4) | (mid >> 6 << 4);
    }
    p.scale = scale * factors[0]; p.offset = -(offset * factors[1]);
    p.scale1 = scale * factors[2]; p.offset1 = -(offset * factors[3]);
#else
    constexpr int BYTES = WEIGHT == F32 ? 4 : WEIGHT == F16 || WEIGHT == BF16 ? 2 : 1;
    long long bytes = WEIGHT == Q4_0 || WEIGHT == Q4_1 ? columns / 2 : (long long)columns * BYTES;
    p.codes = load((const uint4*)(m.codes + row * bytes) + piece);
#if WEIGHT == Q8_0
    p.scale = halfToFloat(load((const unsigned short*)m.scales + row * (columns / 32) + piece / 2));
#elif WEIGHT == Q4_0
    p.scale = halfToFloat(load((const unsigned short*)m.scales + row * (columns / 32) + piece));
#elif WEIGHT == Q4_1
    unsigned both = load((const unsigned*)m.scales + row * (columns / 32) + piece);
    p.scale = halfToFloat((unsigned short)both);
    p.offset = halfToFloat((unsigned short)(both >> 16));
#endif
#endif
    return p;
}

__device__ __forceinline__ unsigned word(const uint4& x, int i) { return i == 0 ? x.x : i == 1 ? x.y : i == 2 ? x.z : x.w; }

// Four weights of a piece, from i on; i is known when this is compiled, once loops are unrolled.
__device__ __forceinline__ float4 fourOf(const Piece& p, int i) {
#if WEIGHT == F32
    return make_float4(__uint_as_float(p.codes.x), __uint_as_float(p.codes.y), __uint_as_float(p.codes.z), __uint_as_float(p.codes.w));
#elif WEIGHT == F16
    unsigned a = word(p.codes, i / 2), b = word(p.codes, i / 2 + 1);
    return make_float4(halfToFloat((unsigned short)a), halfToFloat((unsigned short)(a >> 16)), halfToFloat((unsigned short)b), halfToFloat((unsigned short)(b >> 16)));
#elif WEIGHT == BF16
    unsigned a = word(p.codes, i / 2), b = word(p.codes, i / 2 + 1);
    return make_float4(__uint_as_float(a << 16), __uint_as_float(a & 0xffff0000u), __uint_as_float(b << 16), __uint_as_float(b & 0xffff0000u));
#elif WEIGHT == Q8_0
    unsigned a = word(p.codes, i / 4);
    return make_float4(p.scale * (signed char)a, p.scale * (signed char)(a >> 8), p.scale * (signed char)(a >> 16), p.scale * (signed char)(a >> 24));
#else
    unsigned a = word(p.codes, i % 16 / 4) >> (i < 16 ? 0 : 4);
    float c0 = (float)(a & 15), c1 = (float)(a >> 8 & 15), c2 = (float)(a >> 16 & 15), c3 = (float)(a >> 24 & 15);
#if WEIGHT == Q4_0
    return make_float4(p.scale * (c0 - 8), p.scale * (c1 - 8), p.scale * (c2 - 8), p.scale * (c3 - 8));
#elif WEIGHT == Q4_1
    return make_float4(p.scale * c0 + p.offset, p.scale * c1 + p.offset, p.scale * c2 + p.offset, p.scale * c3 + p.offset);
#else
    float scale = i < 16 ? p.scale : p.scale1, offset = i < 16 ? p.offset : p.offset1;
    return make_float4(scale * c0 + offset, scale * c1 + offset, scale * c2 + offset, scale * c3 + offset);
#endif
#endif
}
