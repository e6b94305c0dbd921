//! Files of boards, as `edge::board` reads them, for the tests of the library and of the command.
//!
//! They are written by hand after the boards' documentation. None was copied from a board.

use std::fs;
use std::path::Path;

/// A board: paths of files below its root, and what is in them.
pub(crate) type Files = &'static [(&'static str, &'static str)];

/// JetPack 4.6 as it is flashed, with the libraries of its image.
pub(crate) const JETSON_NANO: Files = &[
    ("proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0"),
    ("proc/device-tree/compatible", "nvidia,p3450-0000\0nvidia,tegra210\0"),
    (
        "etc/nv_tegra_release",
        "# R32 (release), REVISION: 6.1, GCID: 27863751, BOARD: t210ref, EABI: aarch64\n",
    ),
    ("usr/local/cuda-10.2/version.txt", "CUDA Version 10.2.300\n"),
    ("usr/lib/aarch64-linux-gnu/libcudnn.so.8", ""),
    ("usr/lib/aarch64-linux-gnu/libcudnn.so.8.2.1", ""),
    ("usr/lib/aarch64-linux-gnu/libnvinfer.so.8", ""),
    ("usr/lib/aarch64-linux-gnu/libnvinfer.so.8.0.1", ""),
    ("usr/lib/aarch64-linux-gnu/libnvinfer_plugin.so.8.0.1", ""),
    ("var/lib/nvpmodel/status", "pmode:0001"),
    (
        "etc/nvpmodel.conf",
        "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_1 1\n< POWER_MODEL ID=1 NAME=5W >\n\
         < PM_CONFIG DEFAULT=0 >\n",
    ),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "schedutil\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "102000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "918000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1479000\n"),
    ("sys/devices/system/cpu/cpu1/online", "1\n"),
    ("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "614400\n"),
    ("sys/devices/system/cpu/cpu2/online", "0\n"),
    ("sys/devices/system/cpu/cpu3/online", "0\n"),
    ("sys/devices/system/cpu/cpufreq/policy0", ""),
    ("proc/meminfo", "MemTotal:        4059272 kB\nMemFree: 1 kB\nMemAvailable:    2914392 kB\n"),
    ("sys/class/thermal/thermal_zone0/type", "AO-therm\n"),
    ("sys/class/thermal/thermal_zone0/temp", "41500\n"),
    ("sys/class/thermal/thermal_zone1/type", "GPU-therm\n"),
    ("sys/class/thermal/thermal_zone1/temp", "36000\n"),
    ("sys/class/thermal/thermal_zone2/type", "PMIC-Die\n"),
    ("sys/class/thermal/thermal_zone2/temp", "-256000\n"),
];

/// JetPack 5.1.2 with all of its packages.
pub(crate) const XAVIER_NX: Files = &[
    ("proc/device-tree/model", "NVIDIA Jetson Xavier NX Developer Kit\0"),
    (
        "etc/nv_tegra_release",
        "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64\n",
    ),
    (
        "var/lib/dpkg/status",
        "Package: nvidia-jetpack\nStatus: install ok installed\nVersion: 5.1.2-b104\n\n\
         Package: nvidia-l4t-core\nStatus: install ok installed\nVersion: 35.4.1-20230801124926\n",
    ),
    (
        "usr/local/cuda-11.4/version.json",
        "{\n \"cuda\" : {\n \"name\" : \"CUDA SDK\",\n \"version\" : \"11.4.19\"\n }\n}\n",
    ),
    ("usr/lib/aarch64-linux-gnu/libcudnn.so.8.6.0", ""),
    ("usr/lib/aarch64-linux-gnu/libnvinfer.so.8.5.2", ""),
    ("etc/nvpmodel.conf", "< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >\n< PM_CONFIG DEFAULT=8 >\n"),
];

/// JetPack 6.2.1 as it is flashed without CUDA, cuDNN and TensorRT.
pub(crate) const ORIN_NANO: Files = &[
    (
        "sys/firmware/devicetree/base/model",
        "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    ),
    (
        "etc/nv_tegra_release",
        "# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64\n",
    ),
    (
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  \
      540.4.0  Release Build  (buildbrain@mobile-u64)\nGCC version: gcc 11\n",
    ),
    ("var/lib/nvpmodel/status", "pmode:0002\n"),
    (
        "etc/nvpmodel.conf",
        "  < POWER_MODEL ID=0 NAME=15W >\n  < POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
    ),
];

/// JetPack 7.0; its CUDA is that of servers.
pub(crate) const THOR: Files = &[
    ("proc/device-tree/model", "NVIDIA Jetson AGX Thor Developer Kit\0"),
    // The file may be missing: the package has the release too.
    (
        "var/lib/dpkg/status",
        "Package: nvidia-l4t-core\nStatus: install ok installed\nVersion: 38.2.0-20250821174705\n",
    ),
    ("usr/local/cuda-12.6/targets/aarch64-linux/lib/libcudart.so.12.6.68", ""),
    ("usr/local/cuda-13.0/targets/sbsa-linux/lib/libcudart.so.13.0.48", ""),
    ("usr/lib/aarch64-linux-gnu/libcudnn.so.9.12.0", ""),
    ("usr/lib/aarch64-linux-gnu/libnvinfer.so.10.13.3", ""),
    (
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  \
      580.00  Release Build  (bugfix_main)\n",
    ),
];

/// A board without a GPU that an engine uses.
pub(crate) const RASPBERRY_PI_5: Files = &[
    ("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "2400000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n"),
    ("sys/devices/system/cpu/cpu1/topology/core_id", "1\n"),
    ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
    ("sys/class/thermal/thermal_zone0/temp", "86200\n"),
    ("proc/meminfo", "MemTotal:        8255552 kB\nMemAvailable:    7514112 kB\n"),
];

/// A computer without a device tree and without a GPU of NVIDIA.
pub(crate) const PLAIN_PC: Files = &[
    ("sys/class/dmi/id/product_name", "OptiPlex 7090\n"),
    ("etc/hostname", "warehouse-3\n"),
    ("proc/meminfo", "MemTotal:       16255552 kB\nMemAvailable:   12514112 kB\n"),
];

/// Writes the files of a board below a root.
pub(crate) fn write(root: &Path, files: Files) {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
