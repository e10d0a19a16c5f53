# What R's vegan makes of a few pairs of spaces, as JSON on standard output. To record it again:
#   Rscript tests/reference/vegan.R > tests/reference/vegan.json
# Needs R with vegan (Debian: r-cran-vegan). Version that made the recorded numbers: see "vegan" in the file.
suppressPackageStartupMessages(library(vegan))
set.seed(20)

numbers <- function(x) paste0("[", paste(sprintf("%.17g", as.vector(t(x))), collapse = ", "), "]")
entry <- function(name, value) paste0("    \"", name, "\": ", value)

# Images, features and coordinates: as many features, more, many more than images, and fewer.
shapes <- list(c(20, 3, 3), c(20, 6, 3), c(12, 30, 4), c(15, 2, 5))

cases <- lapply(shapes, function(shape) {
  coordinates <- matrix(rnorm(shape[1] * shape[3]), shape[1]) * 2 + 1
  shared <- coordinates %*% matrix(rnorm(shape[3] * shape[2]), shape[3])
  features <- shared + 3 * matrix(rnorm(shape[1] * shape[2]), shape[1]) + 5
  orders <- t(replicate(25, sample(shape[1])))
  fit <- function(...) suppressWarnings(procrustes(coordinates, features, ...))
  plain <- fit(symmetric = FALSE)
  unscaled <- fit(symmetric = FALSE, scale = FALSE)
  symmetric <- fit(symmetric = TRUE)
  test <- suppressWarnings(protest(coordinates, features, permutations = orders))
  first <- seq_len(shape[3])
  # vegan gives the symmetric solution around the origin; predict() is exact for the others.
  paste(c(
    entry("shape", numbers(shape)),
    entry("coordinates", numbers(coordinates)),
    entry("features", numbers(features)),
    entry("plain_residual", numbers(plain$ss)),
    entry("plain_scale", numbers(plain$scale)),
    entry("plain_moved", numbers(predict(plain, features)[, first])),
    entry("unscaled_residual", numbers(unscaled$ss)),
    entry("unscaled_moved", numbers(predict(unscaled, features)[, first])),
    entry("symmetric_residual", numbers(symmetric$ss)),
    entry("symmetric_moved", numbers(symmetric$Yrot[, first])),
    entry("protest_statistic", numbers(test$t0)),
    entry("protest_permuted", numbers(test$t)),
    entry("protest_p", numbers(test$signif)),
    entry("protest_orders", numbers(orders))
  ), collapse = ",\n")
})

cat("{\n  \"vegan\": \"", as.character(packageVersion("vegan")), "\",\n  \"cases\": [\n  {\n", sep = "")
cat(paste(cases, collapse = "\n  },\n  {\n"), "\n  }\n  ]\n}\n", sep = "")
