/* Writes JPEG files of every structure that libjpeg can write, and the pixels that it reads from them.
 *
 * Standard output gets one record after another: length and bytes of the name, width, height, length
 * and bytes of the file, then 3 * width * height bytes of RGB. Numbers are u32, lowest byte first.
 * CMYK is converted as `djpeg` converts it: inverted ink, as Adobe writes it. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

enum { GRAY, YCBCR, RGB, CMYK, YCCK, N_COLORS };
enum { BASELINE, PROGRESSIVE, ARITHMETIC, PROGRESSIVE_ARITHMETIC, N_PROCESSES };
enum { ONE_SCAN, EACH, EACH_BACKWARDS, EACH_CHROMA_FIRST, LUMA_THEN_REST, FIRST_AND_LAST, N_LAYOUTS };

static const char *COLORS[] = {"gray", "ycbcr", "rgb", "cmyk", "ycck"};
static const char *PROCESSES[] = {"baseline", "progressive", "arithmetic", "progressive-arithmetic"};
static const char *LAYOUTS[] = {"one-scan", "scan-each", "scan-each-backwards", "scan-each-chroma-first",
                                "luma-then-rest", "first-with-last"};
static const int SIZES[][2] = {{97, 61}, {33, 31}, {1, 1}, {64, 48}, {17, 35}, {8, 300}, {130, 15}, {51, 100}};
static const int RESTARTS[] = {0, 1, 5};
/* Horizontal and vertical factors of the components; the fourth has the first one's. */
static const int SAMPLINGS[][6] = {
    {1, 1, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1}, {1, 2, 1, 1, 1, 1}, {2, 2, 1, 1, 1, 1}, {4, 1, 1, 1, 1, 1},
    {1, 4, 1, 1, 1, 1}, {4, 2, 1, 1, 1, 1}, {2, 4, 1, 1, 1, 1}, {3, 1, 1, 1, 1, 1}, {1, 3, 1, 1, 1, 1},
    {2, 2, 2, 1, 2, 1}, {2, 2, 1, 2, 1, 2}, {2, 2, 2, 1, 1, 1}, {2, 2, 2, 2, 2, 2}, {4, 1, 2, 1, 2, 1},
    {1, 1, 2, 1, 2, 1}, {1, 1, 1, 2, 1, 2}, {1, 1, 2, 2, 2, 2}, {1, 1, 4, 1, 4, 1}, {2, 1, 1, 2, 1, 2},
    {1, 1, 2, 1, 1, 1}, {1, 1, 1, 1, 2, 2}, {2, 1, 2, 2, 1, 1}, {3, 1, 3, 1, 1, 1}, {2, 1, 4, 1, 1, 1}};

static int n_components(int color) { return color == GRAY ? 1 : color < CMYK ? 3 : 4; }

/* The components of each scan; returns how many scans there are. */
static int groups(int layout, int n, int group[4][4], int size[4]) {
    static const int ORDERS[][4] = {{0, 1, 2, 3}, {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 2, 0, 3}};
    int count = 0;
    if (layout == ONE_SCAN) {
        for (int i = 0; i < n; i++) group[0][i] = i;
        size[0] = n;
        return 1;
    }
    if (layout <= EACH_CHROMA_FIRST) {
        for (int i = 0; i < 4; i++) {
            if (ORDERS[layout][i] < n) {
                group[count][0] = ORDERS[layout][i];
                size[count++] = 1;
            }
        }
        return count;
    }
    size[0] = size[1] = 0;
    for (int i = 0; i < n; i++) {
        int at = layout == LUMA_THEN_REST ? i > 0 : i > 0 && i < n - 1;
        group[at][size[at]++] = i;
    }
    return 2;
}

static int add(jpeg_scan_info *scan, const int *components, int n, int ss, int se, int ah, int al) {
    memset(scan, 0, sizeof *scan);
    scan->comps_in_scan = n;
    for (int i = 0; i < n; i++) scan->component_index[i] = components[i];
    scan->Ss = ss;
    scan->Se = se;
    scan->Ah = ah;
    scan->Al = al;
    return 1;
}

static int script(int layout, int n, int is_progressive, jpeg_scan_info *scans) {
    int group[4][4], size[4], count = 0;
    int n_groups = groups(layout, n, group, size);
    for (int i = 0; i < n_groups; i++)
        count += add(&scans[count], group[i], size[i], 0, is_progressive ? 0 : 63, 0, is_progressive);
    if (!is_progressive) return count;
    for (int i = n - 1; i >= 0; i--) count += add(&scans[count], &i, 1, 1, 5, 0, 2);
    for (int i = 0; i < n; i++) count += add(&scans[count], &i, 1, 6, 63, 0, 2);
    for (int i = 0; i < n; i++) count += add(&scans[count], &i, 1, 1, 63, 2, 1);
    for (int i = 0; i < n_groups; i++) count += add(&scans[count], group[i], size[i], 0, 0, 1, 0);
    for (int i = 0; i < n; i++) count += add(&scans[count], &i, 1, 1, 63, 1, 0);
    return count;
}

/* A drawn scene: a smooth background, a disc and a bar, in color. */
static void draw(int x, int y, int width, int height, int n, unsigned char *pixel) {
    int dx = 2 * x - width, dy = 2 * y - height, r = width < height ? width : height;
    int color[3] = {40 + 170 * x / width, 40 + 170 * y / height, 210 - 120 * x / width};
    if (4 * (dx * dx + dy * dy) < r * r) color[0] = 220, color[1] = 60, color[2] = 50;
    if (y > height * 3 / 4) color[0] = 30, color[1] = 90, color[2] = 200;
    for (int i = 0; i < n && i < 3; i++) pixel[i] = color[i];
    if (n == 4) pixel[3] = 255 - 100 * y / height;
}

struct trap {
    struct jpeg_error_mgr manager;
    jmp_buf back;
};

static void give_up(j_common_ptr cinfo) { longjmp(((struct trap *)cinfo->err)->back, 1); }

static int encode(int color, int process, int layout, const int *factors, int restart, const int *size,
                  unsigned char **file, unsigned long *length) {
    static const J_COLOR_SPACE SPACES[] = {JCS_GRAYSCALE, JCS_YCbCr, JCS_RGB, JCS_CMYK, JCS_YCCK};
    struct jpeg_compress_struct cinfo;
    struct trap trap;
    jpeg_scan_info scans[64];
    int n = n_components(color);
    cinfo.err = jpeg_std_error(&trap.manager);
    trap.manager.error_exit = give_up;
    jpeg_create_compress(&cinfo);
    if (setjmp(trap.back)) {
        jpeg_destroy_compress(&cinfo);
        return 0;
    }
    jpeg_mem_dest(&cinfo, file, length);
    cinfo.image_width = size[0];
    cinfo.image_height = size[1];
    cinfo.input_components = n;
    cinfo.in_color_space = n == 1 ? JCS_GRAYSCALE : n == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&cinfo);
    jpeg_set_colorspace(&cinfo, SPACES[color]);
    jpeg_set_quality(&cinfo, 90, TRUE);
    for (int i = 0; i < n; i++) {
        cinfo.comp_info[i].h_samp_factor = factors[2 * (i % 3)];
        cinfo.comp_info[i].v_samp_factor = factors[2 * (i % 3) + 1];
    }
    int is_progressive = process == PROGRESSIVE || process == PROGRESSIVE_ARITHMETIC;
    cinfo.arith_code = process >= ARITHMETIC;
    cinfo.restart_interval = restart;
    cinfo.optimize_coding = restart == 5;
    cinfo.num_scans = script(layout, n, is_progressive, scans);
    cinfo.scan_info = scans;
    jpeg_start_compress(&cinfo, TRUE);
    unsigned char row[4 * 400];
    for (int y = 0; y < size[1]; y++) {
        for (int x = 0; x < size[0]; x++) draw(x, y, size[0], size[1], n, row + n * x);
        JSAMPROW rows[] = {row};
        jpeg_write_scanlines(&cinfo, rows, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    return 1;
}

static int decode(unsigned char *file, unsigned long length, unsigned char *rgb) {
    struct jpeg_decompress_struct cinfo;
    struct trap trap;
    cinfo.err = jpeg_std_error(&trap.manager);
    trap.manager.error_exit = give_up;
    jpeg_create_decompress(&cinfo);
    if (setjmp(trap.back)) {
        jpeg_destroy_decompress(&cinfo);
        return 0;
    }
    jpeg_mem_src(&cinfo, file, length);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.out_color_space = cinfo.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&cinfo);
    unsigned char row[4 * 400];
    JSAMPROW rows[] = {row};
    while (cinfo.output_scanline < cinfo.output_height) {
        jpeg_read_scanlines(&cinfo, rows, 1);
        for (unsigned x = 0; x < cinfo.output_width; x++) {
            const unsigned char *pixel = row + cinfo.output_components * x;
            for (int i = 0; i < 3; i++)
                *rgb++ = cinfo.output_components == 4 ? (pixel[i] * pixel[3] + 127) / 255 : pixel[i];
        }
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    return 1;
}

static void number(unsigned long value) {
    for (int i = 0; i < 4; i++) putchar(value >> 8 * i & 255);
}

static void write_one(int color, int process, int layout, const int *factors, int restart, const int *size) {
    static unsigned char rgb[3 * 400 * 400];
    char name[200];
    unsigned char *file = NULL;
    unsigned long length = 0;
    sprintf(name, "%s %s %s %dx%d,%dx%d,%dx%d restart %d %dx%d", PROCESSES[process], COLORS[color],
            LAYOUTS[layout], factors[0], factors[1], factors[2], factors[3], factors[4], factors[5], restart,
            size[0], size[1]);
    if (encode(color, process, layout, factors, restart, size, &file, &length) && decode(file, length, rgb)) {
        number(strlen(name));
        fputs(name, stdout);
        number(size[0]);
        number(size[1]);
        number(length);
        fwrite(file, 1, length, stdout);
        fwrite(rgb, 3, (size_t)size[0] * size[1], stdout);
    }
    free(file);
}

int main(void) {
    int turn = 0;
    int n_samplings = sizeof SAMPLINGS / sizeof *SAMPLINGS;
    for (int color = 0; color < N_COLORS; color++)
        for (int process = 0; process < N_PROCESSES; process++)
            for (int layout = 0; layout < (color == GRAY ? 1 : N_LAYOUTS); layout++)
                for (int sampling = 0; sampling < n_samplings; sampling++)
                    /* Sizes and restart intervals take turns: all pairs of them are met often. */
                    for (int i = 0; i < (process < ARITHMETIC ? 3 : 1); i++, turn++)
                        write_one(color, process, layout, SAMPLINGS[sampling], RESTARTS[turn % 3],
                                  SIZES[turn * 5 % 8]);
    return 0;
}
