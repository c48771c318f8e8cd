"""K21 section 3: all 38 classes of PlantVillage, no class made rare."""

from study.studies.arms import leaves, unfrozen
from study.studies.declaration import Arm, Study

# class folders of the published data set; a plant by its first word, as trainables/data/plantvillage.py reads it
CONDITIONS = {
    "Apple": ("Apple_scab", "Black_rot", "Cedar_apple_rust", "healthy"),
    "Blueberry": ("healthy",),
    "Cherry": ("Powdery_mildew", "healthy"),
    "Corn": ("Cercospora_leaf_spot Gray_leaf_spot", "Common_rust_", "Northern_Leaf_Blight", "healthy"),
    "Grape": ("Black_rot", "Esca_(Black_Measles)", "Leaf_blight_(Isariopsis_Leaf_Spot)", "healthy"),
    "Orange": ("Haunglongbing_(Citrus_greening)",),
    "Peach": ("Bacterial_spot", "healthy"),
    "Pepper": ("Bacterial_spot", "healthy"),
    "Potato": ("Early_blight", "Late_blight", "healthy"),
    "Raspberry": ("healthy",),
    "Soybean": ("healthy",),
    "Squash": ("Powdery_mildew",),
    "Strawberry": ("Leaf_scorch", "healthy"),
    "Tomato": (
        "Bacterial_spot", "Early_blight", "Late_blight", "Leaf_Mold", "Septoria_leaf_spot",
        "Spider_mites Two-spotted_spider_mite", "Target_Spot", "Tomato_Yellow_Leaf_Curl_Virus", "Tomato_mosaic_virus",
        "healthy",
    ),
}  # fmt: skip


def plantvillage38() -> Study:
    """Claim: none; the paper's starting point is 99.782 % accuracy over all classes (K21 sec. 3).

    38 classes as they are, 80 % train and 20 % test, ResNet-34 with ImageNet weights, trainable all, one-cycle,
    10 epochs, batch 64, 1 seed. Images stay on disk (8 GB at 224 pixels) and are decoded while the network trains.
    Open choices: as figure2a's unfrozen half; no validation split, as the paper names none.
    Cost: 1 run of 434,000 images, about 20 minutes of a GPU. `python -m study.grid plantvillage38 --gpus-per-trial 1`
    """
    classes = tuple(f"{plant}___{condition}" for plant, conditions in CONDITIONS.items() for condition in conditions)
    configuration = unfrozen(leaves("Apple"), "all").replace(
        {
            "data.source": "plantvillage",
            "data.majority": classes,
            "data.minority": (),
            "data.train_majority": "all",
            "data.validation_majority": 0,
            "data.test_majority": 0.2,
        }
    )
    return Study(
        name="plantvillage38",
        source="K21 section 3",
        title="all 38 classes, none made rare, ResNet-34 unfrozen",
        arms=(Arm("plain", configuration, {"test/accuracy/all": 0.99782}),),
        pairs=(),
        claims=(),
        seeds=1,
    )
