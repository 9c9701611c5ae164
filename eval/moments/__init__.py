"""Are moments the stretches that somebody would point at, and is nothing brief or small lost on the way in?"""
