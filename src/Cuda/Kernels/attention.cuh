// Attention of GROUP queries that share a KV head, over rows that a warp's lanes read 16 bytes at a time, with a running softmax (Flash-Decoding, arXiv 2307.08691).
// Where the last block of a KV head has fewer queries, it does the last one several times and leaves it once. HEAD_DIM and GROUP are macros of the compilation. How a kind of rows is added: docs/cuda.md.
#pragma once
#include "prelude.cuh"

constexpr int WARPS = 4, THREADS = WARPS * WARP;
// Channels of a row that a lane reads at once, lanes that share a row, and how often they go on to have all of it.
#ifdef CODED
// Codes lie in runs of 8 channels, whatever their number; of the last run some may not be there.
constexpr int RUN = 8;
#else
constexpr int RUN = HEAD_DIM % 8 == 0 ? 8 : HEAD_DIM % 4 == 0 ? 4 : HEAD_DIM % 2 == 0 ? 2 : 1;
#endif
constexpr bool WHOLE = HEAD_DIM % RUN == 0;
constexpr int RUNS = (HEAD_DIM + RUN - 1) / RUN;
#ifdef KEY_RUNS
// Keys in tiers have runs of their own.
constexpr int MOST_RUNS = KEY_RUNS > RUNS ? KEY_RUNS : RUNS;
#else
constexpr int MOST_RUNS = RUNS;
#endif
constexpr int LANES = MOST_RUNS <= 1 ? 1 : MOST_RUNS <= 2 ? 2 : MOST_RUNS <= 4 ? 4 : MOST_RUNS <= 8 ? 8 : MOST_RUNS <= 16 ? 16 : 32;
constexpr int TURNS = (MOST_RUNS + LANES - 1) / LANES;
constexpr int OWN = TURNS * RUN;
// Tokens that a warp reads at once, and how many times that before the softmax is brought up to date.
constexpr int ROWS = WARP / LANES;
constexpr int AHEAD = GROUP * OWN > 64 ? 2 : 4;
// Exact rows that a block's warps take at once.
constexpr int ROWS_PASS = WARPS * ROWS * AHEAD;
constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
// Floats of what a split leaves for a query: its sums, the largest score and the sum of weights.
constexpr int PARTIAL = HEAD_DIM + 2;

// The first channel of one of a lane's runs; whether it is one of the row's.
__device__ __forceinline__ int channelOf(int turn) { return (turn * LANES + (int)(threadIdx.x % LANES)) * RUN; }
__device__ __forceinline__ bool inRow(int turn) { return turn * LANES + (int)(threadIdx.x % LANES) < RUNS; }

__device__ __forceinline__ float4 readFour(const float* at) { return load((const float4*)at); }

// A lane's own channels of a row of bf16 or f32.
template <class T> __device__ __forceinline__ void readRow(const T* row, float* own) {
#pragma unroll
    for (int turn = 0; turn < TURNS; turn++) {
        float* to = own + turn * RUN;
        if (!inRow(turn)) {
#pragma unroll
            for (int i = 0; i < RUN; i++) to[i] = 0;
            continue;
        }
        const T* at = row + channelOf(turn);
        if constexpr (!WHOLE) {
#pragma unroll
            for (int i = 0; i < RUN; i++)
                to[i] = channelOf(turn) + i >= HEAD_DIM ? 0 : sizeof(T) == 2 ? brainToFloat(load((const unsigned short*)(at + i))) : load((const float*)(at + i));
        } else if constexpr (sizeof(T) == 2) {
            if constexpr (RUN == 8) {
                uint4 words = load((const uint4*)at);
                unsigned w[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
                for (int i = 0; i < 4; i++) { to[2 * i] = __uint_as_float(w[i] << 16); to[2 * i + 1] = __uint_as_float(w[i] & 0xffff0000u); }
            } else {
#pragma unroll
                for (int i = 0; i < RUN; i++) to[i] = brainToFloat(load((const unsigned short*)at + i));
            }
        } else if constexpr (RUN % 4 == 0) {
#pragma unroll
            for (int i = 0; i < RUN; i += 4) {
                float4 x = readFour((const float*)at + i);
                to[i] = x.x; to[i + 1] = x.y; to[i + 2] = x.z; to[i + 3] = x.w;
            }
        } else {
#pragma unroll
            for (int i = 0; i < RUN; i++) to[i] = load((const float*)at + i);
        }
    }
}

// Where the key and the value of a token lie.
template <class T> struct KeyAndValue {
    const T* key;
    const T* value;
};

// A lane's own channels of so many queries, [count, headDim], and of the last one again where a block has room for more.
__device__ __forceinline__ void readQueries(const float* first, int count, float (*queries)[OWN]) {
#pragma unroll
    for (int g = 0; g < GROUP; g++) readRow(first + (long long)min(g, count - 1) * HEAD_DIM, queries[g]);
}

struct RunningSoftmax {
    float most[GROUP], weights[GROUP], sums[GROUP][OWN];

    __device__ __forceinline__ void begin() {
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            most[g] = MINUS_INFINITY;
            weights[g] = 0;
#pragma unroll
            for (int i = 0; i < OWN; i++) sums[g][i] = 0;
        }
    }

    // Takes AHEAD tokens of each group of lanes; of those that are not there, values are any numbers.
    __device__ __forceinline__ void take(const float (*queries)[OWN], const float (*keys)[OWN], const float (*values)[OWN], const bool* there, float cap) {
        float scores[AHEAD][GROUP];
#pragma unroll
        for (int t = 0; t < AHEAD; t++)
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                float dot = 0;
#pragma unroll
                for (int i = 0; i < OWN; i++) dot += queries[g][i] * keys[t][i];
                scores[t][g] = scoreOf(dot, there[t], cap);
            }
        weigh(scores, values);
    }

    // Takes exact rows [begin, end), dealt out to the block's warps; rowsOf(place) says where those of a place lie.
    template <class RowsOf> __device__ __forceinline__ void takeRows(const float (*queries)[OWN], int begin, int end, float cap, RowsOf rowsOf) {
        for (int first = begin + (int)(threadIdx.x / WARP) * ROWS * AHEAD; first < end; first += ROWS_PASS) {
            float k[AHEAD][OWN], v[AHEAD][OWN];
            bool there[AHEAD];
#pragma unroll
            for (int t = 0; t < AHEAD; t++) {
                int at = first + t * ROWS + (int)(threadIdx.x % WARP) / LANES;
                there[t] = at < end;
                // What is not there is read from the last row, and weighed by nothing.
                auto rows = rowsOf(min(at, end - 1));
                readRow(rows.key, k[t]);
                readRow(rows.value, v[t]);
            }
            take(queries, k, v, there, cap);
        }
    }

    // The score of a token of which each lane of a group has summed its own channels: to base 2, and minus infinity where the token is not there.
    static __device__ __forceinline__ float scoreOf(float dot, bool there, float cap) {
#pragma unroll
        for (int step = LANES / 2; step > 0; step /= 2) dot += __shfl_xor_sync(ALL, dot, step);
        return there ? softCap(dot, cap) * LOG2E : MINUS_INFINITY;
    }

    // Takes the values of AHEAD tokens whose scores are known; those of minus infinity count for nothing.
    __device__ __forceinline__ void weigh(const float (*scores)[GROUP], const float (*values)[OWN]) {
#pragma unroll
        for (int g = 0; g < GROUP; g++) {
            float now = most[g];
#pragma unroll
            for (int t = 0; t < AHEAD; t++) now = fmaxf(now, scores[t][g]);
            if (now == MINUS_INFINITY) continue;
            float before = exp2f(most[g] - now);
            most[g] = now;
            weights[g] *= before;
#pragma unroll
            for (int i = 0; i < OWN; i++) sums[g][i] *= before;
#pragma unroll
            for (int t = 0; t < AHEAD; t++) {
                float weight = exp2f(scores[t][g] - now);
                weights[g] += weight;
#pragma unroll
                for (int i = 0; i < OWN; i++) sums[g][i] += weight * values[t][i];
            }
        }
    }

    // Joins the softmaxes of all lanes of the block that have the same channels; what comes out lies in room, PARTIAL floats for each warp and query, and then, of so many queries, at to, PARTIAL floats each.
    __device__ __forceinline__ void finish(float* room, float* to, long long stride, float* outputs, int queries) {
#pragma unroll
        for (int step = LANES; step < WARP; step *= 2)
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                float other = __shfl_xor_sync(ALL, most[g], step), now = fmaxf(most[g], other);
                float mine = now == MINUS_INFINITY ? 0 : exp2f(most[g] - now), theirs = now == MINUS_INFINITY ? 0 : exp2f(other - now);
                most[g] = now;
                weights[g] = weights[g] * mine + __shfl_xor_sync(ALL, weights[g], step) * theirs;
#pragma unroll
                for (int i = 0; i < OWN; i++) sums[g][i] = sums[g][i] * mine + __shfl_xor_sync(ALL, sums[g][i], step) * theirs;
            }
        int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
        if (lane < LANES) {
#pragma unroll
            for (int g = 0; g < GROUP; g++) {
                float* own = room + (warp * GROUP + g) * PARTIAL;
#pragma unroll
                for (int turn = 0; turn < TURNS; turn++)
                    if (inRow(turn))
#pragma unroll
                        for (int i = 0; i < RUN; i++)
                            if (WHOLE || channelOf(turn) + i < HEAD_DIM) own[channelOf(turn) + i] = sums[g][turn * RUN + i];
                if (lane == 0) { own[HEAD_DIM] = most[g]; own[HEAD_DIM + 1] = weights[g]; }
            }
        }
        __syncthreads();
        for (int i = threadIdx.x; i < queries * HEAD_DIM; i += THREADS) {
            int g = i / HEAD_DIM, c = i % HEAD_DIM;
            float now = MINUS_INFINITY, sum = 0, weight = 0;
            for (int w = 0; w < WARPS; w++) now = fmaxf(now, room[(w * GROUP + g) * PARTIAL + HEAD_DIM]);
            for (int w = 0; w < WARPS; w++) {
                const float* own = room + (w * GROUP + g) * PARTIAL;
                float factor = now == MINUS_INFINITY ? 0 : exp2f(own[HEAD_DIM] - now);
                sum += own[c] * factor;
                weight += own[HEAD_DIM + 1] * factor;
            }
            // One split alone is the whole.
            if (outputs != nullptr) { store(outputs + i, weight == 0 ? 0 : sum / weight); continue; }
            store(to + g * stride + c, sum);
            if (c == 0) { store(to + g * stride + HEAD_DIM, now); store(to + g * stride + HEAD_DIM + 1, weight); }
        }
    }
};
