//! The releases of JetPack: what each contains, and which ONNX Runtime runs on it.
//!
//! Each row has the pages that it was read from and the day on which they were read. What those
//! pages do not state, and what nobody has tried, is in [`Release::unsure`].

use super::l4t::L4t;

/// A release of JetPack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The release: `6.2` is also 6.2.1 and later ones of the same libraries.
    pub jetpack: &'static str,
    /// The first Jetson Linux of it.
    pub since: L4t,
    /// The first Jetson Linux after it.
    pub before: L4t,
    /// The version of Ubuntu.
    pub ubuntu: &'static str,
    /// The version of Ubuntu's Python, which wheels are made for.
    pub python: &'static str,
    /// The version of CUDA.
    pub cuda: &'static str,
    /// The version of cuDNN, if it is known.
    pub cudnn: Option<&'static str>,
    /// The version of TensorRT.
    pub tensorrt: &'static str,
    /// The newest ONNX Runtime with TensorRT that others run on it. Handful needs 1.17.
    pub onnxruntime: &'static str,
    /// What to do to get it; `None` if it is too old.
    pub install: Option<&'static str>,
    /// What to do to get an ONNX Runtime for the processor.
    pub install_cpu: &'static str,
    /// Where the versions of NVIDIA's libraries are from.
    pub source: &'static str,
    /// Where the version of ONNX Runtime is from.
    pub onnxruntime_source: &'static str,
    /// The day on which both were read: `2026-12-01`.
    pub read_on: &'static str,
    /// What is not certain.
    pub unsure: Option<&'static str>,
}

/// The row of a Jetson Linux.
pub(super) fn release(l4t: L4t) -> Option<&'static Release> {
    RELEASES.iter().find(|row| (row.since..row.before).contains(&l4t))
}

const NODE: &str = "take libonnxruntime.so out of npm's package onnxruntime-node 1.17.3";
const PYTHON_38: &str = "run `pip3 install onnxruntime==1.19.2`";
const PYTHON: &str = "run `pip3 install onnxruntime`";

const ZOO_PYTHON_38: &str = "install onnxruntime_gpu-1.17.0-cp38-cp38-linux_aarch64.whl of \
    https://elinux.org/Jetson_Zoo#ONNX_Runtime";
const ZOO_PYTHON_310: &str = "install onnxruntime_gpu-1.18.0-cp310-cp310-linux_aarch64.whl of \
    https://elinux.org/Jetson_Zoo#ONNX_Runtime";
const JETSON_AI_LAB: &str = "run `pip3 install onnxruntime-gpu==1.23.0 --index-url \
    https://pypi.jetson-ai-lab.io/jp6/cu126`";
const BUILD: &str = "build ONNX Runtime 1.24.2 with `--build_shared_lib --use_cuda --use_tensorrt` \
    as in https://onnxruntime.ai/docs/build/eps.html";

const CONTAINERS: &str = "https://github.com/dusty-nv/jetson-containers";
const ULTRALYTICS: &str =
    "https://github.com/ultralytics/ultralytics/blob/main/docs/en/guides/nvidia-jetson.md";
const ROBOFLOW_7_1: &str = "https://github.com/roboflow/inference/blob/main/docker/dockerfiles/\
    Dockerfile.onnx.jetson.7.1.0";
const ROBOFLOW_7_2: &str = "https://github.com/roboflow/inference/blob/main/docker/dockerfiles/\
    Dockerfile.onnx.jetson.7.2.0";

const NOT_TRIED: &str = "whether the wheel has the file libonnxruntime.so, and TensorRT in it";

/// Every release that is known, by its Jetson Linux.
pub const RELEASES: &[Release] = &[
    Release {
        jetpack: "4.6",
        since: L4t::new(32, 6, 0),
        before: L4t::new(32, 7, 0),
        ubuntu: "18.04",
        python: "3.6",
        cuda: "10.2",
        cudnn: Some("8.2.1"),
        tensorrt: "8.0.1",
        onnxruntime: "1.11",
        install: None,
        install_cpu: NODE,
        source: "https://gist.github.com/Tiryoh/2b5dc1f86ab6bc3e6922e97a4c1ac2f2",
        onnxruntime_source: CONTAINERS,
        read_on: "2026-12-01",
        unsure: Some("whether that library loads with the glibc 2.27 of Ubuntu 18.04"),
    },
    Release {
        jetpack: "4.6.1",
        since: L4t::new(32, 7, 0),
        before: L4t::new(33, 0, 0),
        ubuntu: "18.04",
        python: "3.6",
        cuda: "10.2",
        cudnn: Some("8.2.1"),
        tensorrt: "8.2.1",
        onnxruntime: "1.11",
        install: None,
        install_cpu: NODE,
        source: "https://gist.github.com/Tiryoh/2b5dc1f86ab6bc3e6922e97a4c1ac2f2",
        onnxruntime_source: CONTAINERS,
        read_on: "2026-12-01",
        unsure: Some("whether that library loads with the glibc 2.27 of Ubuntu 18.04"),
    },
    Release {
        jetpack: "5.0",
        since: L4t::new(34, 1, 0),
        before: L4t::new(35, 2, 0),
        ubuntu: "20.04",
        python: "3.8",
        cuda: "11.4",
        cudnn: Some("8.4.1"),
        tensorrt: "8.4.1",
        onnxruntime: "1.12.1",
        install: None,
        install_cpu: PYTHON_38,
        source: "https://developer.nvidia.com/embedded/jetpack-sdk-502",
        onnxruntime_source: "https://github.com/microsoft/onnxruntime/issues/15732",
        read_on: "2026-12-01",
        unsure: Some("the previews of 5.0 (L4T 34) have older versions of cuDNN and TensorRT"),
    },
    Release {
        jetpack: "5.1",
        since: L4t::new(35, 2, 0),
        before: L4t::new(36, 0, 0),
        ubuntu: "20.04",
        python: "3.8",
        cuda: "11.4",
        cudnn: Some("8.6.0"),
        tensorrt: "8.5.2",
        onnxruntime: "1.17.0",
        install: Some(ZOO_PYTHON_38),
        install_cpu: PYTHON_38,
        source: "https://github.com/edgehook/Jetson-AI-task",
        onnxruntime_source: ULTRALYTICS,
        read_on: "2026-12-01",
        unsure: Some(
            "whether the wheel has the file libonnxruntime.so, and runs with TensorRT 8.5: others \
             report 1.16.3 as the newest that does",
        ),
    },
    Release {
        jetpack: "6.0",
        since: L4t::new(36, 2, 0),
        before: L4t::new(36, 4, 0),
        ubuntu: "22.04",
        python: "3.10",
        cuda: "12.2",
        cudnn: Some("8.9"),
        tensorrt: "8.6.2",
        onnxruntime: "1.18.0",
        install: Some(ZOO_PYTHON_310),
        install_cpu: PYTHON,
        source: "https://github.com/NVIDIA/TensorRT/issues/3690",
        onnxruntime_source: ULTRALYTICS,
        read_on: "2026-12-01",
        unsure: Some(
            "whether the wheel has the file libonnxruntime.so, and TensorRT in it; an earlier \
             edition of the page names it; the versions of NVIDIA are those of L4T 36.2, others \
             state CUDA 12.4 for 36.3, and that of cuDNN was not read",
        ),
    },
    Release {
        jetpack: "6.1",
        since: L4t::new(36, 4, 0),
        before: L4t::new(36, 4, 3),
        ubuntu: "22.04",
        python: "3.10",
        cuda: "12.6",
        cudnn: Some("9.3"),
        tensorrt: "10.3",
        onnxruntime: "1.23.0",
        install: Some(JETSON_AI_LAB),
        install_cpu: PYTHON,
        source: "https://pytorch.org/TensorRT/getting_started/jetpack.html",
        onnxruntime_source: "https://github.com/ultralytics/ultralytics/issues/21463",
        read_on: "2026-12-01",
        unsure: Some(NOT_TRIED),
    },
    Release {
        jetpack: "6.2",
        since: L4t::new(36, 4, 3),
        before: L4t::new(37, 0, 0),
        ubuntu: "22.04",
        python: "3.10",
        cuda: "12.6",
        cudnn: Some("9.3"),
        tensorrt: "10.3",
        onnxruntime: "1.23.0",
        install: Some(JETSON_AI_LAB),
        install_cpu: PYTHON,
        source: "https://github.com/k2-fsa/sherpa-onnx/pull/1914",
        onnxruntime_source: "https://github.com/ultralytics/ultralytics/issues/21463",
        read_on: "2026-12-01",
        unsure: Some(NOT_TRIED),
    },
    Release {
        jetpack: "7.0",
        since: L4t::new(38, 2, 0),
        before: L4t::new(38, 4, 0),
        ubuntu: "24.04",
        python: "3.12",
        cuda: "13.0",
        cudnn: Some("9.12"),
        tensorrt: "10.13",
        onnxruntime: "1.24.2",
        install: Some(BUILD),
        install_cpu: PYTHON,
        source: "https://developer.nvidia.com/embedded/jetpack/downloads/archive-7.0.md",
        onnxruntime_source: ROBOFLOW_7_1,
        read_on: "2026-12-01",
        unsure: Some("the versions of cuDNN and TensorRT were not read on the page"),
    },
    Release {
        jetpack: "7.1",
        since: L4t::new(38, 4, 0),
        before: L4t::new(39, 0, 0),
        ubuntu: "24.04",
        python: "3.12",
        cuda: "13.0",
        cudnn: None,
        tensorrt: "10.13",
        onnxruntime: "1.24.2",
        install: Some(BUILD),
        install_cpu: PYTHON,
        source: ROBOFLOW_7_1,
        onnxruntime_source: ROBOFLOW_7_1,
        read_on: "2026-12-01",
        unsure: Some("whether TensorRT is in an ONNX Runtime that is built so"),
    },
    Release {
        jetpack: "7.2",
        since: L4t::new(39, 0, 0),
        before: L4t::new(40, 0, 0),
        ubuntu: "24.04",
        python: "3.12",
        cuda: "13.2",
        cudnn: None,
        tensorrt: "10.16.1",
        onnxruntime: "1.24.2",
        install: Some(BUILD),
        install_cpu: PYTHON,
        source: ROBOFLOW_7_2,
        onnxruntime_source: ROBOFLOW_7_2,
        read_on: "2026-12-01",
        unsure: Some("the page does not state the version of TensorRT"),
    },
];
